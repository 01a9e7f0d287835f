"""Define the states of a session and of its engine process, and the allowed transitions.

A transition that is not in a table is a bug, not a user error: it raises at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType

from engine.core.errors import EngineError

__all__ = ["EngineState", "SessionEnd", "SessionState", "Signal", "next_engine_state", "next_session_state"]


class EngineState(Enum):
    """State of one engine process, as seen by the main process.

    OPENING: opens its device and builds the pipeline
    OPENED: waits for its shared memory
    STARTING: has its shared memory, and waits until the device delivers
    RUNNING: audio is running
    ENDED: stopped, or its file has ended
    LOST: its device disconnected during the run
    FAILED: could not start, or its pipeline failed
    """

    OPENING = "opening"
    OPENED = "opened"
    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"
    LOST = "lost"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Return whether no other state follows."""
        return not ENGINE[self]


class Signal(Enum):
    """Cause of a state change of an engine process.

    WAITING, OPENED, RUNNING, ENDED, FAILED: its messages
    ALLOCATED: it was given its shared memory
    CRASHED: its process exited without a message
    DEVICE_GONE: its callback counter stopped, or the sound system reports a disconnection
    PLAYED_OUT: as DEVICE_GONE, but after all output was produced, so only the last samples are lost
    """

    WAITING = "waiting"
    OPENED = "opened"
    ALLOCATED = "allocated"
    RUNNING = "running"
    ENDED = "ended"
    FAILED = "failed"
    CRASHED = "crashed"
    DEVICE_GONE = "device gone"
    PLAYED_OUT = "played out"


def _table(
    table: dict[EngineState, dict[Signal, EngineState]],
) -> Mapping[EngineState, Mapping[Signal, EngineState]]:
    return MappingProxyType({state: MappingProxyType(table.get(state, {})) for state in EngineState})


_BROKEN = {Signal.FAILED: EngineState.FAILED, Signal.CRASHED: EngineState.FAILED}

ENGINE = _table(
    {
        EngineState.OPENING: {
            Signal.WAITING: EngineState.OPENING,
            Signal.OPENED: EngineState.OPENED,
            **_BROKEN,
        },
        EngineState.OPENED: {Signal.ALLOCATED: EngineState.STARTING, **_BROKEN},
        EngineState.STARTING: {Signal.RUNNING: EngineState.RUNNING, **_BROKEN},
        EngineState.RUNNING: {
            Signal.RUNNING: EngineState.RUNNING,  # sent again when the latency changes
            Signal.ENDED: EngineState.ENDED,
            Signal.PLAYED_OUT: EngineState.ENDED,
            Signal.DEVICE_GONE: EngineState.LOST,
            Signal.CRASHED: EngineState.LOST,  # PortAudio aborts when its server dies
            Signal.FAILED: EngineState.FAILED,
        },
    }
)


def next_engine_state(state: EngineState, signal: Signal) -> EngineState:
    """Return the state after a signal; EngineError if the signal is not allowed in that state."""
    known = ENGINE[state]
    if signal not in known:
        expected = " or ".join(each.value for each in known) or "nothing more"
        raise EngineError(f"engine process, {state.value}", expected=expected, got=signal.value)
    return known[signal]


class SessionState(StrEnum):
    """State of a session, as seen by its user."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"  # for the device
    STOPPED = "stopped"


class SessionEnd(StrEnum):
    """Why a session, or one of its engine processes, ended."""

    STOPPED = "stopped"
    FILE = "file"  # the file has ended
    DEVICE = "device"  # the device has disconnected


_LIVE = frozenset(SessionState)
SESSION: Mapping[SessionState, frozenset[SessionState]] = MappingProxyType(
    {
        SessionState.STARTING: _LIVE,
        SessionState.RUNNING: _LIVE,
        SessionState.WAITING: _LIVE,
        SessionState.STOPPED: frozenset(),
    }
)


def next_session_state(state: SessionState, new: SessionState) -> SessionState:
    """Return the new state; EngineError if the transition is not allowed."""
    if new not in SESSION[state]:
        raise EngineError("session", expected=f"nothing more after {state}", got=str(new))
    return new
