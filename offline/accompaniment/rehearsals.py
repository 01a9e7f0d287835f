"""Rehearsals: earlier takes, aligned with the score, become the tempo that is expected of the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.accompaniment.tempo_curve import RehearsedTake, TempoCurve, beat_grid, take_at_beats
from engine.core.errors import EngineError
from engine.score.parts import finished_score
from engine.score.readers import read_draft
from engine.score.score import Score
from offline.accompaniment.tempo_curves import CURVE_SUFFIX, read_tempo_curve
from offline.alignment.alignment import AlignConfig, Alignment, align
from offline.recording import Recording

__all__ = ["RehearsedScore", "read_rehearsed", "rehearse"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RehearsedScore:
    """What takes are aligned with.

    solo: the followed part; takes of it alone are usual
    whole: all parts, for takes in which the accompaniment sounds too
    """

    solo: Score
    whole: Score


def read_rehearsed(path: Path, solo: Score, *, repeats_after_jump: bool = False) -> RehearsedScore:
    """Read the whole of a score of which one part is followed; ScoreError as `read_score`."""
    draft = read_draft(path, repeats_after_jump)
    return RehearsedScore(solo=solo, whole=finished_score(draft, [part.id for part in draft.parts if part.notes]))


def rehearse(
    score: RehearsedScore,
    inputs: Sequence[Path],
    config: AlignConfig | None = None,
    *,
    say: Callable[[str], None] = print,
) -> TempoCurve:
    """Return the takes of all inputs, recordings or files of tempo curves, as one curve.

    A recording that is none of the score is left out, and said; where nothing is left it is an EngineError, as are
    files that cannot be read.
    """
    takes: list[RehearsedTake] = []
    failures: list[EngineError] = []
    for path in inputs:
        if path.suffix.lower() == CURVE_SUFFIX:
            takes += read_tempo_curve(path, score.solo).takes
            continue
        recording = Recording.open(path)
        for shortfall in recording.shortfalls:
            say(shortfall)
        try:
            takes.append(_take(score, path, recording, config or AlignConfig()))
        except EngineError as error:
            failures.append(error)
    if failures and not takes:
        raise failures[0]
    for failure in failures:
        say(f"{failure}: left out")
    return TempoCurve(quarter=beat_grid(score.solo), takes=tuple(takes))


def _take(score: RehearsedScore, path: Path, recording: Recording, config: AlignConfig) -> RehearsedTake:
    """Return a take; EngineError if it is of other music."""
    found = _aligned(score, recording, config)
    if not found.fits:
        piece, remedy = score.solo.name, "check that it is a recording of this piece"
        raise EngineError(str(path), expected=f"music of {piece}", got="what hardly sounds like it", remedy=remedy)
    return take_at_beats(path.name, score.solo, found.quarter, found.audio_s)


def _aligned(score: RehearsedScore, recording: Recording, config: AlignConfig) -> Alignment:
    """Align with the followed part; where that hardly fits, with all parts if they fit better."""
    alone = align(score.solo, recording, config)
    if alone.fits or len(score.whole.note_quarter) == len(score.solo.note_quarter):
        return alone
    together = align(score.whole, recording, config)
    return max(alone, together, key=lambda found: found.trust)
