"""The demo: a piece written, performed, followed, separated, and compared with the truth."""

from __future__ import annotations

import threading
from pathlib import Path

from cli.demo.duet import show_duet
from cli.demo.material import DemoPiece, make_demo
from cli.demo.warm import HALVES
from cli.terminal.kernels import announced_compiling, compile_aside
from cli.terminal.live_line import LiveLine
from cli.terminal.report import note, wrote
from engine.pipeline.pipeline import PipelineConfig
from engine.separation.config import TUNED
from offline.batch.file_job import FileJob, JobReport, run_file
from offline.evaluation.onsets import evaluate_track, format_table, read_truth, track_of
from offline.evaluation.plots import draw_job
from offline.following.feature_names import FEATURES
from offline.following.presets import follow_by
from offline.following.score_input import read_score_input

__all__ = ["show"]


def show(directory: Path, *, seed: int, stop: threading.Event) -> JobReport:
    """Write the piece to the directory, run the main job on it, and print how far the position was from the truth.

    Then the same for a duet, in the folder `duet`.
    """
    note("writing a piece and playing it with rubato")
    piece = make_demo(directory, seed=seed)
    print(f"A minuet by Petzold, {piece.seconds:.0f} s, played with rubato by {piece.synthesiser}: {piece.audio_path}")
    compile_aside(HALVES, stop)
    note("following and separating it, faster than it sounds")
    with announced_compiling():
        report = run_file(_job(piece, directory), stop=stop)
    if not report.stream.stopped:
        _compare(report, piece)
        draw_job(directory / "picture.png", report, truth=piece.truth_path)
        show_duet(directory / "duet", seed=seed, stop=stop)
        _finish(directory, report, piece)
    return report


def _job(piece: DemoPiece, directory: Path) -> FileJob:
    follow = follow_by(FEATURES[0])
    return FileJob(
        input=piece.audio_path,
        configure=lambda audio: PipelineConfig(
            separate=TUNED, score=read_score_input(piece.score_path, audio, follow), follow=follow
        ),
        directory=directory,
        events=str(directory / "events.jsonl"),
        watch=lambda reader: LiveLine(reader.format.sample_rate, duration=reader.n_samples),
        keep=True,
    )


def _finish(directory: Path, report: JobReport, piece: DemoPiece) -> None:
    written = (*report.stems.values(), report.events, directory / "picture.png")
    print("Written: " + ", ".join(map(str, written)))
    wrote([], then=f"look at {directory / 'picture.png'}; listen to {directory / 'harmonic.wav'}")
    wrote([], then=f"collaparte run --input mic --score {piece.score_path}   (play it yourself), or your own score")


def _compare(report: JobReport, piece: DemoPiece) -> None:
    track = track_of(report.positions, report.audio.sample_rate)
    reached = evaluate_track(track, *read_truth(piece.truth_path))["first reach"]
    print(format_table({"minuet": reached}))
    print(
        f"Of {reached.n} score onsets, {reached.within[1]:.1f} % were found within 50 ms of the truth "
        f"(median error {1000 * reached.median_s:.0f} ms)."
    )
