"""The demo's duet: a recorded soloist is accompanied by the code that accompanies a live one."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from cli.demo.material import refuse_others
from cli.terminal.live_line import LiveLine
from cli.terminal.report import note, wrote
from engine.accompaniment.accompanist import AccompanyConfig
from engine.accompaniment.parts import read_accompaniment
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from offline.accompaniment.accompany import AccompanyJob, accompany_file, write_scheduled
from offline.evaluation.accompaniment import evaluate_accompaniment, read_duo_truth
from offline.evaluation.accompaniment_plot import draw_accompaniment
from offline.following.feature_names import FEATURES
from offline.following.presets import follow_soloist
from offline.synthesis.demo_duet import DuetPiece, write_duet, write_duet_score

__all__ = ["show_duet"]


def show_duet(directory: Path, *, seed: int, stop: threading.Event) -> None:
    """Write a duet and its soloist's recording to the directory, accompany it, and print how far off that was."""
    refuse_others(directory, ("solo.wav", "truth.csv"), write_duet_score)
    piece = write_duet(directory, seed=seed)
    print(
        f"Greensleeves, {piece.seconds:.0f} s, the melody played with rubato by {piece.synthesiser}: {piece.solo_path}"
    )
    note("accompanying it, faster than it sounds")
    mix = directory / "duet.wav"
    played = accompany_file(_job(piece, mix), stop=stop).played
    if stop.is_set():
        return
    write_scheduled(directory / "scheduled.csv", played)
    truth = read_duo_truth(piece.truth_path)
    draw_accompaniment(directory / "duet.png", truth.solo, truth.accompaniment, np.array(played))
    reached = evaluate_accompaniment(truth, played)
    print(
        f"Of {reached.n} onsets of the accompaniment, {reached.within[1]:.1f} % came within 50 ms of a harpist's who "
        f"plays with the soloist (median error {1000 * reached.median_s:.0f} ms)."
    )
    wrote([mix, directory / "scheduled.csv", directory / "duet.png"], then=f"listen to {mix}")


def _job(piece: DuetPiece, mix: Path) -> AccompanyJob:
    accompany = AccompanyConfig(accompaniment=read_accompaniment(piece.score_path), sound=SynthesiserConfig())
    return AccompanyJob(
        input=piece.solo_path,
        accompany=accompany,
        follow=follow_soloist(FEATURES[0]),
        mix=mix,
        watch=lambda reader: LiveLine(reader.format.sample_rate, duration=reader.n_samples),
    )
