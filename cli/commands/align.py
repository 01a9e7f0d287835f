"""`collaparte align`: when each onset of a score, or of another recording, sounds in a recording."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.common import OUTPUT, argument, command, features_option, method_option, option, output, picture
from cli.score_options import ScoreOptions
from cli.terminal.kernels import announced_compiling
from cli.terminal.report import complain, note, wrote
from cli.terminal.stopping import USER_ERROR
from engine.core.config import Settings, plain
from engine.following.warping.config import FOLLOW_METHODS

if TYPE_CHECKING:
    from offline.alignment.alignment import AlignConfig, Alignment

__all__ = ["AlignOptions", "align_command", "align_config", "result_lines"]

EXAMPLES = """\
examples:
  collaparte align piece.musicxml take.flac -o take.csv --plot take.png
  collaparte align piece.mid take.flac -o take.csv --follow match --features mine.onnx   by a network's distances
  collaparte align rehearsal.flac take.flac -o take.csv      a recording as the score: one quarter per second
"""
SURE = 0.5  # confidence above which an onset is counted as sure


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignOptions(Settings):
    """Options of `collaparte align`."""

    score: Path = argument("SCORE", "MusicXML, MXL, MIDI, or another recording of the same music")
    audio: Path = argument("AUDIO", "the recording")
    output: Path = output("CSV", "quarter,score_s,audio_s: one row for each distinct onset of the score")
    plot: Path | None = picture("draw the path")
    truth: Path | None = option(
        plain(None, "also draw the errors against these true times"), metavar="CSV", group=OUTPUT
    )
    reading: ScoreOptions = plain(ScoreOptions, "follow")
    features: str = features_option()
    follow: str = method_option()
    straight: bool = plain(False, "do not look for omitted or repeated passages")


@command(AlignOptions, EXAMPLES)
def align_command(options: AlignOptions) -> int:
    """Align the recording with the score; write the CSV and, if asked, the picture."""
    from offline.alignment.alignment import align, write_alignment
    from offline.evaluation.onsets import read_truth
    from offline.following.score_input import read_score_or_recording
    from offline.recording import Recording

    config = align_config(options.features, options.follow, jumps=not options.straight)
    recording = Recording.open(options.audio)
    truth = None if options.truth is None else read_truth(options.truth)
    score = read_score_or_recording(options.score, recording.format, config.follow, options.reading)
    note(f"aligning {recording.seconds:.0f} s of {options.audio}")
    with announced_compiling():
        result = align(score, recording, config)
    write_alignment(options.output, result)
    if options.plot is not None:
        _draw(options, result, truth, score)
    _report(options, result)
    doubts = [] if result.fits else [f"{options.audio} hardly sounds like {options.score}: do not rely on this"]
    wrong = [*recording.shortfalls, *doubts]
    for each in wrong:
        complain(each)
    return USER_ERROR if wrong else 0


def align_config(features: str, method: str = FOLLOW_METHODS[0], *, jumps: bool = True) -> AlignConfig:
    """The settings for one of the features; method: of the first pass, one of FOLLOW_METHODS."""
    from offline.alignment.alignment import AlignConfig
    from offline.following.presets import follow_by

    config = AlignConfig()
    follow = follow_by(features, replace(config.follow, method=method))
    return replace(config, follow=follow, jumps=config.jumps if jumps else None)


def _draw(options: AlignOptions, result: Alignment, truth: Any, score: Any) -> None:
    from offline.evaluation.alignment import track_of_alignment
    from offline.evaluation.plots import draw_track

    assert options.plot is not None
    recordings = [(options.audio.name, options.audio)]
    bars = (score.bar_quarter, score.bar_number) if hasattr(score, "bar_number") else None  # a recording has none
    draw_track(options.plot, recordings=recordings, track=track_of_alignment(result), truth=truth, bars=bars)


def _report(options: AlignOptions, result: Alignment) -> None:
    for line in result_lines(result):
        print(f"{options.output}: {line}")
    if options.plot is not None:
        wrote([options.plot])
    else:
        wrote([], then=f"add --plot {options.output.stem}.png to see the path")


def result_lines(result: Alignment) -> list[str]:
    """Say how many onsets were played, how many never and how many again, and at what pitch, a line each."""
    import numpy as np

    played = np.isfinite(result.audio_s)
    n_all, n_played = len(np.unique(result.quarter)), len(np.unique(result.quarter[played]))
    lines = [f"{n_played} of {n_all} onsets, {int((result.confidence > SURE).sum())} of them surely"]
    if n_played < n_all:
        lines[0] += f"; {n_all - n_played} were not played: their audio_s is empty"
    if again := int(played.sum()) - n_played:
        lines[0] += f"; {again} rows more for what was played again"
    return lines + ([result.pitch] if result.pitch else [])
