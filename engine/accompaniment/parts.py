"""The parts of a score: those that are followed, and those that are played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.accompaniment.instruments import program_of
from engine.core.errors import ScoreError, warn_about
from engine.score.parts import PartNotes, ScoreDraft, chosen_parts, finished_score
from engine.score.readers import read_draft
from engine.score.score import Score

__all__ = ["Accompaniment", "AccompanimentPart", "read_accompaniment"]

DRUMS = 9
CHANNELS = tuple(channel for channel in range(16) if channel != DRUMS)
SAME = 1e-3  # quarters closer than this are one onset, over all parts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccompanimentPart:
    """One part that is played.

    name: as in the score
    channel: MIDI channel from 0
    program: its General MIDI instrument, from 0
    score: its notes, in quarters of the whole score
    """

    name: str
    channel: int
    program: int = 0
    score: Score


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accompaniment:
    """What is followed and what is played; may be pickled to the engine process.

    solo: the part that is followed
    parts: those that are played
    onset_quarter: distinct onsets of all that are played, quarters of the whole score
    """

    solo: Score
    parts: tuple[AccompanimentPart, ...]
    onset_quarter: npt.NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        quarters = np.sort(np.concatenate([part.score.onset_quarter for part in self.parts]))
        first = np.ones(len(quarters), dtype=bool)
        first[1:] = np.diff(quarters) > SAME
        object.__setattr__(self, "onset_quarter", quarters[first])


def read_accompaniment(path: Path, solo: Sequence[str] = (), *, repeats_after_jump: bool = False) -> Accompaniment:
    """Read a score; the named parts are followed (default a part Solo, else the first), all others are played.

    Raises ScoreError for a part that is not there, and for a score without a second part.
    """
    draft = read_draft(path, repeats_after_jump)
    parts = [part for part in draft.parts if part.notes]
    followed = chosen_parts(draft, solo)
    if not solo and len(followed) == len(draft.parts):
        followed = parts[:1]
    others = [part for part in parts if part not in followed]
    if not others:
        raise ScoreError(
            str(path),
            expected="a second part to play",
            got="only what is followed: " + ", ".join(part.label for part in followed),
            remedy="take a score in which soloist and accompaniment are parts of their own",
        )
    for notice in draft.notices:
        warn_about(str(path), notice)
    return Accompaniment(
        solo=finished_score(draft, [part.id for part in followed]),
        parts=tuple(_part(draft, part, i) for i, part in enumerate(others)),
    )


def _part(draft: ScoreDraft, part: PartNotes, index: int) -> AccompanimentPart:
    return AccompanimentPart(
        name=part.name or part.id,
        channel=CHANNELS[index % len(CHANNELS)],
        program=program_of(part),
        score=finished_score(draft, [part.id]),
    )
