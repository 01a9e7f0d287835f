"""Where the faders stand, and what the thread that runs the sessions is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from queue import SimpleQueue

__all__ = ["StageDesk", "StageWish", "Wish"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDesk:
    """Where the faders stand; read by all, replaced as a whole.

    gains: dB by target or part
    loop: first and last bar
    through: whether all stems sound as they are, whatever their faders say
    quiet: labels of sounds that are not told, and until when, seconds since 1970
    deaf: whether no sounds are listened for
    locked: controls that this session has not
    """

    gains: dict[str, float] = field(default_factory=dict)
    muted: tuple[str, ...] = ()
    ratio: float = 1.0
    dynamics: float = 1.0
    loop: tuple[int, int] | None = None
    through: bool = False
    thresholds: dict[str, float] = field(default_factory=dict)
    quiet: dict[str, float] = field(default_factory=dict)
    deaf: bool = False
    locked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StageWish:
    """What the thread that runs the sessions has to do.

    name: start, again (with other settings), choose or quit
    score: of choose
    """

    name: str
    score: str = ""


Wish = SimpleQueue[StageWish]
