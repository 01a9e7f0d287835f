"""An incoming clock is followed through every change of tempo, late ticks and lost ones, at every sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from engine.midi.clock import CLOCK, CONTINUE, START, STOP, song_position
from engine.midi.clock_follower import ClockFollower

RATE = 48000
JITTER_S = 0.002
TEMPI = (40, 60, 66, 80, 100, 120, 126, 150, 180, 240)
PAIRS = [(a, b) for a in TEMPI for b in TEMPI if a != b]
GRADUAL = 1.5  # ticks: a change of tempo may put the position off by so much, within its first beat, or by...
PERIODS = 2.1  # ...two ticks for each tick that comes late by more than one


@dataclass(frozen=True)
class Followed:
    """What the follower said at each tick that came: index of the tick, its position and tempo; and the truth."""

    tick: np.ndarray
    position: np.ndarray
    tempo: np.ndarray

    def off(self, since: int) -> float:
        """How many ticks the position was off, at most, from a tick on."""
        late = self.tick >= since
        return float(np.abs(self.position * 24 - self.tick)[late].max())

    def tempo_off(self, since: int, tempo: float) -> float:
        return float(np.abs(self.tempo[self.tick >= since] / tempo - 1).max())


CHANGE = 60  # tick


def follow(periods_s: np.ndarray, *, jitter_s: float = 0.0, lost: float = 0.0, seed: int = 0) -> Followed:
    """Follow ticks with these times between them; the first come, and those around the change.

    Where one is lost between two tempi, the time between its neighbours may be any number of ticks.
    """
    dice = np.random.default_rng(seed)
    true = 0.5 + np.concatenate([[0], np.cumsum(periods_s)])
    times = np.maximum.accumulate(true + dice.normal(0, jitter_s, len(true)))
    ticks = np.arange(len(true))
    came = np.flatnonzero((dice.random(len(true)) >= lost) | (ticks < 4) | (np.abs(ticks - CHANGE) < 3))
    follower, rows = ClockFollower(RATE), []
    follower.take(0, bytes((START,)))
    for tick in came:
        at = round(times[tick] * RATE)
        follower.take(at, bytes((CLOCK,)))
        rows.append((tick, follower.position(at), follower.tempo_bpm or 0.0))
    tick, position, tempo = np.array(rows).T
    return Followed(tick, position, tempo)


def two_tempi(first: float, second: float, n: int = CHANGE) -> np.ndarray:
    """Times between ticks: n at the first tempo, three beats at the second."""
    return np.concatenate([np.full(n, 60 / first / 24), np.full(72, 60 / second / 24)])


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_any_change_is_followed_within_a_beat(first: float, second: float) -> None:
    exact = follow(two_tempi(first, second))
    assert exact.off(CHANGE + 24) < 0.05
    assert exact.tempo_off(CHANGE + 24, second) < 0.002
    late = max(first / second, 1.0)
    assert exact.off(0) < max(GRADUAL, PERIODS * late)  # and is never off by more than the first late ticks
    shaken = follow(two_tempi(first, second), jitter_s=JITTER_S)
    assert shaken.off(CHANGE + 24) < 1
    assert shaken.tempo_off(CHANGE + 24, second) < 0.02


@pytest.mark.parametrize(("first", "second"), [(120, 60), (60, 120), (100, 66), (66, 100), (120, 40), (180, 90)])
@pytest.mark.parametrize("jitter_s", [0.0, JITTER_S])
def test_changes_with_lost_ticks(first: float, second: float, jitter_s: float) -> None:
    for seed in range(5):
        found = follow(two_tempi(first, second), jitter_s=jitter_s, lost=0.04, seed=seed)
        assert found.off(CHANGE + 24) < 1
        assert found.tempo_off(CHANGE + 24, second) < 0.03


@pytest.mark.parametrize("n_lost", range(1, 12))
def test_ticks_lost_in_a_row_are_counted(n_lost: int) -> None:
    periods = np.full(96, 60 / 120 / 24)
    periods[48] *= n_lost + 1
    found = follow(periods)
    expected = found.tick + np.where(found.tick > 48, n_lost, 0)
    assert np.abs(found.position * 24 - expected)[found.tick >= 50].max() < 1e-6


def test_a_clock_may_bend_its_tempo() -> None:
    """From 60 to 160 and back, in four beats each."""
    tempo = 110 - 50 * np.cos(np.linspace(0, 2 * np.pi, 24 * 8))
    found = follow(60 / tempo / 24, jitter_s=JITTER_S)
    assert found.off(24) < 1
    assert np.abs(found.tempo[30:] / tempo[29:] - 1).max() < 0.15


def test_one_late_tick_and_two_at_once_change_nothing() -> None:
    periods = np.full(96, 60 / 120 / 24)
    periods[40] += 0.018
    periods[41] -= 0.018
    found = follow(periods)
    assert found.off(42) < 0.05
    assert found.tempo_off(43, 120) < 0.01


@pytest.mark.parametrize(("first", "second"), [(120, 60), (60, 120), (100, 66), (240, 30), (70, 71)])
@pytest.mark.parametrize("ticking", [False, True])
@pytest.mark.parametrize("pause_s", [0.1, 0.3, 2.0])
def test_stop_and_start_at_another_tempo(first: float, second: float, ticking: bool, pause_s: float) -> None:
    follower, at = ClockFollower(RATE), 1000.0
    follower.take(0, bytes((START,)))
    for _ in range(50):
        follower.take(round(at), bytes((CLOCK,)))
        at += RATE * 60 / first / 24
    follower.take(round(at), bytes((STOP,)))
    stood = follower.position(round(at))
    for _ in range(int(pause_s * second / 60 * 24) if ticking else 0):
        at += RATE * 60 / second / 24
        follower.take(round(at), bytes((CLOCK,)))
    assert follower.position(round(at)) == stood == pytest.approx(49 / 24)
    at += 0 if ticking else pause_s * RATE
    follower.take(round(at) + 1, bytes((START,)))
    for tick in range(48):
        at += RATE * 60 / second / 24
        follower.take(round(at), bytes((CLOCK,)))
        position = follower.position(round(at))
        assert position is not None
        assert position * 24 == pytest.approx(tick, abs=1.01 if tick < 24 else 0.05)
    assert follower.tempo_bpm == pytest.approx(second, rel=0.005)


def test_continue_at_a_song_position_and_another_tempo() -> None:
    follower = ClockFollower(RATE)
    follower.take(0, bytes((START,)))
    for tick in range(30):
        follower.take(100 + tick * 1000, bytes((CLOCK,)))
    follower.take(29_500, bytes((STOP,)))
    follower.take(40_000, song_position(64))
    follower.take(40_000, bytes((CONTINUE,)))
    for tick in range(30):
        follower.take(50_000 + tick * 2000, bytes((CLOCK,)))
    assert follower.position(50_000 + 29 * 2000) == pytest.approx(16 + 29 / 24)
    assert follower.tempo_bpm == pytest.approx(60)


def test_between_ticks_the_position_moves_evenly_and_waits_when_they_end() -> None:
    follower = ClockFollower(RATE)
    follower.take(0, bytes((START,)))
    for tick in range(48):
        follower.take(100 + tick * 1000, bytes((CLOCK,)))
    last = 100 + 47 * 1000
    places = [follower.position(last + after) for after in range(0, 40_000, 250)]
    assert np.diff(places).min() >= 0
    assert places[2] == pytest.approx((47 + 0.5) / 24)
    assert places[-1] == pytest.approx((47 + 12) / 24)
