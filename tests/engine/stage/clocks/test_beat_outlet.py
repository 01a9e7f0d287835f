"""A beat stands while there is no device, and begins anew for a receiver that has come back."""

from __future__ import annotations

from typing import Any

from engine.core.events import Position, State
from engine.core.shared_memory import Counter
from engine.realtime.device_clock import DeviceClock
from engine.realtime.input_time import InputTime
from engine.realtime.messages import Latency
from engine.realtime.session_types import SessionStatus
from engine.realtime.states import SessionState
from engine.stage.clocks.beat_outlet import BeatOutlet
from engine.stage.phase import PhaseChange, PhaseConfig, Turn

RATE = 48_000
HOP_S = 0.01


class Shown(BeatOutlet):
    """Notes what the beat does; its thread is the test."""

    def __init__(self) -> None:
        super().__init__(PhaseConfig())
        self.turns: list[Turn] = []
        self.now_s = 0.0
        self.receiver: InputTime | None = self.another()

    def another(self) -> InputTime:
        return InputTime(lambda: self.now_s, 1.0)

    @property
    def trouble(self) -> str:
        return ""

    def relation(self) -> InputTime | None:
        return self.receiver

    def show(self, changes: list[PhaseChange], time: InputTime) -> None:
        self.turns += [change.turn for change in changes if change.turn is not Turn.STEER]


class Playing:
    """A session at 120 quarters a minute, step by step."""

    def __init__(self) -> None:
        self.outlet = Shown()
        memory: Any = dict.fromkeys(Counter, 0) | {Counter.CONSUMED: 1}
        self._memory = memory
        latency = Latency(sample_rate=RATE, device=0, rings=0, resampling=0, pipeline=0)
        self._clock = DeviceClock(memory=memory, base=0, sample_rate=RATE, latency=latency)
        self.outlet.take(State(at=0, emitted_at=0, name="following", why=""), self._clock)

    def go_on(self, seconds: float, state: SessionState = SessionState.RUNNING) -> list[Turn]:
        """Return what the beat did."""
        outlet, before = self.outlet, len(self.outlet.turns)
        outlet.look(SessionStatus(state=state))
        end_s = outlet.now_s + seconds
        while outlet.now_s < end_s:
            at = round(outlet.now_s * RATE)
            self._memory[Counter.SAMPLES] = at
            told = Position(
                at=at, emitted_at=at, quarter=2 * at / RATE, bar=1, score_s=0.0, tempo_bpm=120.0, confidence=1.0
            )
            outlet.take(told, self._clock)
            if (time := outlet.relation()) is not None:
                outlet._turn(time)
            outlet.now_s += HOP_S
        return outlet.turns[before:]


def test_it_begins_with_the_first_position_and_goes_on() -> None:
    assert Playing().go_on(2.0) == [Turn.BEGIN]


def test_it_stands_while_the_device_is_gone() -> None:
    playing = Playing()
    playing.go_on(1.0)
    assert playing.go_on(0.5, SessionState.WAITING) == [Turn.HALT]
    playing.outlet.take(State(at=0, emitted_at=0, name="following", why=""), playing._clock)
    assert playing.go_on(1.0) == [Turn.BEGIN]


def test_a_receiver_that_has_come_back_is_told_from_the_beginning() -> None:
    playing = Playing()
    playing.go_on(1.0)
    playing.outlet.receiver = None
    assert playing.go_on(0.5) == []
    playing.outlet.receiver = playing.outlet.another()
    assert playing.go_on(1.0) == [Turn.BEGIN]


def test_its_end_is_told() -> None:
    playing = Playing()
    playing.go_on(1.0)
    playing.outlet.close()
    assert playing.outlet.turns[-1] is Turn.HALT
