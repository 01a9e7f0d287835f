"""The states of a session and of its engine process: every pair of state and signal, allowed or not."""

from __future__ import annotations

from itertools import product

import pytest

from engine.core.errors import EngineError
from engine.realtime.states import (
    EngineState,
    SessionState,
    Signal,
    next_engine_state,
    next_session_state,
)

# Written out once more, row by row as they come about, so that no change of the table goes unseen.
ALLOWED = {
    ("OPENING", "WAITING"): "OPENING",
    ("OPENING", "OPENED"): "OPENED",
    ("OPENING", "FAILED"): "FAILED",
    ("OPENING", "CRASHED"): "FAILED",
    ("OPENED", "ALLOCATED"): "STARTING",
    ("OPENED", "FAILED"): "FAILED",
    ("OPENED", "CRASHED"): "FAILED",
    ("STARTING", "RUNNING"): "RUNNING",
    ("STARTING", "FAILED"): "FAILED",
    ("STARTING", "CRASHED"): "FAILED",
    ("RUNNING", "RUNNING"): "RUNNING",
    ("RUNNING", "ENDED"): "ENDED",
    ("RUNNING", "PLAYED_OUT"): "ENDED",
    ("RUNNING", "DEVICE_GONE"): "LOST",
    ("RUNNING", "CRASHED"): "LOST",
    ("RUNNING", "FAILED"): "FAILED",
}


@pytest.mark.parametrize(("state", "signal"), list(product(EngineState, Signal)), ids=lambda each: each.name)
def test_every_transition(state: EngineState, signal: Signal) -> None:
    after = ALLOWED.get((state.name, signal.name))
    if after is None:
        with pytest.raises(EngineError, match=f"engine process, {state.value}: expected .*, got {signal.value}"):
            next_engine_state(state, signal)
    else:
        assert next_engine_state(state, signal) is EngineState[after]


def test_what_is_final() -> None:
    assert {state for state in EngineState if state.final} == {EngineState.ENDED, EngineState.LOST, EngineState.FAILED}


def test_every_state_can_be_reached() -> None:
    reached = {EngineState.OPENING, *(EngineState[after] for after in ALLOWED.values())}
    assert reached == set(EngineState)


@pytest.mark.parametrize(("state", "new"), list(product(SessionState, SessionState)))
def test_a_session_ends_once(state: SessionState, new: SessionState) -> None:
    if state is SessionState.STOPPED:
        with pytest.raises(EngineError, match=f"nothing more after stopped, got {new}"):
            next_session_state(state, new)
    else:
        assert next_session_state(state, new) is new
