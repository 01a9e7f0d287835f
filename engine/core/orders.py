"""What may be asked of a pipeline while it runs: frozen orders, obeyed between two blocks."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "CountIn",
    "GoTo",
    "ListenForSounds",
    "MutePart",
    "Order",
    "RefusePieces",
    "SetDynamics",
    "SetPace",
    "SetPartGain",
    "SetThreshold",
]


@dataclass(frozen=True, slots=True)
class GoTo:
    """Follow from this quarter: wait there for what is played."""

    quarter: float


@dataclass(frozen=True, slots=True)
class CountIn:
    """Count so many bars, then accompany from this quarter on, where the soloist is waited for."""

    quarter: float
    bars: int


@dataclass(frozen=True, slots=True)
class SetPace:
    """Accompany at this ratio to the score's tempo where the soloist sets none."""

    ratio: float


@dataclass(frozen=True, slots=True)
class SetDynamics:
    """Follow the soloist's loudness by this share, 0 to 1."""

    amount: float


@dataclass(frozen=True, slots=True)
class SetPartGain:
    """Play a part of the accompaniment this much louder, dB."""

    part: str
    gain_db: float


@dataclass(frozen=True, slots=True)
class MutePart:
    """Silence a part of the accompaniment, or let it sound again."""

    part: str
    muted: bool


@dataclass(frozen=True, slots=True)
class SetThreshold:
    """Report a sound from this probability on."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class RefusePieces:
    """Find none of these pieces from now on, in place of those refused before; their ids in the index."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListenForSounds:
    """Listen for sounds, or take silence in place of what is heard."""

    on: bool


Order = CountIn | GoTo | ListenForSounds | SetPace | SetDynamics | SetPartGain | MutePart | SetThreshold | RefusePieces
