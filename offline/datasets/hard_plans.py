"""What a hard take is made of: which parts sound by which instruments, in which spans, and what disturbs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from offline.datasets.hard_pieces import HardPiece
from offline.music.musicxml_file import Printed
from offline.synthesis.pianist import PianistConfig

__all__ = ["Disturbance", "HardPlan", "Span", "SpanTimes", "Timeline", "printed", "whole"]

Wave = npt.NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of the piece that is played without a break.

    first, last: quarters of the piece as played out
    pause_s: silence before it, seconds
    disruption: what happened before it, from which a follower must recover; empty if nothing did
    kind: "playing"; "rest" while only others play
    wrong: whether most of its notes are wrong
    """

    first: float
    last: float
    pause_s: float = 0.0
    disruption: str = ""
    kind: str = "playing"
    wrong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanTimes:
    """A span as it was played: seconds, and the quarters there; the position is right inside these only."""

    start_s: float
    end_s: float
    first: float
    last: float
    kind: str
    disruption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """When what is played, for what is to be added to the sound.

    segments: in order
    beat_s: every quarter that is played, seconds
    beats: quarters a bar
    """

    segments: Sequence[SpanTimes]
    beat_s: npt.NDArray[np.float64]
    beats: int


Disturbance = Callable[[Wave, int, Timeline, Rng], Wave]  # mono sound, sample rate, timeline, random generator


@dataclass(frozen=True, slots=True, kw_only=True)
class HardPlan:
    """How a take is to be played.

    piece: as played out, with everything that sounds
    score: what the score holds, as printed
    band: name of an instrument for each part that sounds
    spans: in order
    style: of the players
    gain_db: level of a part against the others', where it is not 0
    cents: how much higher than A = 440 it is tuned
    semitones: how much higher it is played
    disturbances: applied to the sound in order
    sample_rate: of the file, Hz
    another: whether the score is another piece's, so that no position is right
    value: what was varied, for the manifest
    """

    piece: HardPiece
    score: Printed
    band: Mapping[str, str]
    spans: Sequence[Span]
    style: PianistConfig
    gain_db: Mapping[str, float] = field(default_factory=dict)
    cents: float = 0.0
    semitones: int = 0
    disturbances: Sequence[Disturbance] = ()
    sample_rate: int = 44100
    another: bool = False
    value: str = ""


def printed(piece: HardPiece, names: Sequence[str] | None = None) -> Printed:
    """Return the score of a piece without repeats, or of some of its parts."""
    parts = piece.parts if names is None else {name: piece.parts[name] for name in names}
    return Printed(parts=parts, beats=piece.beats, n_bars=piece.n_bars, bpm=piece.bpm)


def whole(piece: HardPiece) -> list[Span]:
    """Return the single span of an undisturbed performance."""
    return [Span(first=0.0, last=piece.end)]
