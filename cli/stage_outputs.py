"""Options of `run`, `accompany` and `stage` for other programs, and what they open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.common import option
from engine.core.config import Settings, plain
from engine.core.errors import ConfigError

if TYPE_CHECKING:
    from engine.core.events import Event
    from engine.realtime.session import Session, SessionStatus
    from engine.score.score import Score
    from engine.stage.outlet import Outlet

__all__ = ["StageOutputs", "open_outlets", "refuse_outlets"]

STAGE = "Other programs"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOutputs(Settings):
    """What a live session tells other programs."""

    osc: tuple[str, ...] = option(
        plain(
            (),
            "send position, tempo and sounds by OSC; may be repeated; PRESET is qlab, touchosc or antescofo (default "
            "our own addresses, see docs/formats.md)",
        ),
        metavar="[PRESET:]HOST:PORT",
        group=STAGE,
    )


def open_outlets(
    options: StageOutputs, session: Session, stack: ExitStack
) -> tuple[Callable[[Event], None], Callable[[SessionStatus], None]]:
    """Open what the options ask for; return what the session calls with every event and status.

    stack: closes them; EngineError in one line if one cannot be opened
    """
    from engine.stage.outlet import fan_out

    outlets: list[Outlet] = []
    for outlet in _opened(options, session):
        stack.callback(outlet.close)
        outlets.append(outlet)
    return fan_out(session, outlets)


def _opened(options: StageOutputs, session: Session) -> Iterator[Outlet]:
    if options.osc:
        from engine.stage.osc.sender import OscSender
        from engine.stage.osc.target import OscTarget

        yield OscSender([OscTarget.read(text) for text in options.osc], _score(session))


def _score(session: Session) -> Score | None:
    """The score that is followed; None where nothing is, or where it is a recording."""
    from engine.score.score import Score

    score = session.config.pipeline.score
    return score if isinstance(score, Score) else None


def refuse_outlets(options: StageOutputs, *, expected: str = "a device", got: str = "files only") -> None:
    """ConfigError for these options; files are processed as fast as the machine can, so nothing is told in time."""
    for name, value in {"--osc": options.osc}.items():
        if value:
            remedy = "--output device plays the file at its own pace" if got == "files only" else f"leave {name} out"
            raise ConfigError(name, expected=expected, got=got, remedy=remedy)
