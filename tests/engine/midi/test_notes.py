"""No note hangs and no clock drifts, on a port in memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import ConfigError, DeviceError
from engine.midi.clock import CLOCK, CONTINUE, START, STOP, ClockSender, song_position
from engine.midi.clock_follower import ClockFollower
from engine.midi.notes import FeedbackGuard, MidiScheduler, NoteSafety, Timed, note_off, note_on
from engine.midi.port import MidiConfig, PortCore, open_port
from tests.contract import GROWTH_BYTES
from tests.engine.midi.memory_port import MemoryPort

RATE = 48000
SAFETY = NoteSafety(longest=1000, repair=200, deaf=50)


def scheduler() -> MidiScheduler:
    return MidiScheduler(SAFETY, ClockSender(RATE))


def sounding(messages: list[Timed]) -> set[tuple[int, int]]:
    """The notes that sound at the end; assert that no note is ever struck while it sounds."""
    active: set[tuple[int, int]] = set()
    for _, message in messages:
        key = (message[0] & 15, message[1])
        if message[0] & 0xF0 == 0x90 and message[2]:
            assert key not in active
            active.add(key)
        elif message[0] & 0xF0 in (0x80, 0x90):
            active.discard(key)
    return active


def test_a_note_is_ended_before_it_is_struck_again() -> None:
    s = scheduler()
    s.push(0, note_on(0, 60, 80))
    s.push(10, note_on(0, 60, 90))
    assert s.due(0, 20) == [(0, note_on(0, 60, 80)), (10, note_off(0, 60)), (10, note_on(0, 60, 90))]


def test_at_one_instant_ends_come_first() -> None:
    s = scheduler()
    s.push(0, note_on(0, 60, 80))
    s.push(5, note_on(0, 60, 81))
    s.push(5, note_off(0, 60))
    assert s.due(0, 20) == [(0, note_on(0, 60, 80)), (5, note_off(0, 60)), (5, note_on(0, 60, 81))]


def test_a_forgotten_note_ends_by_itself() -> None:
    s = scheduler()
    s.push(7, note_on(3, 60, 80))
    assert s.due(0, 1007) == [(7, note_on(3, 60, 80))]
    assert s.due(1007, 1100) == [(1007, note_off(3, 60))]


def test_stop_forgets_what_waits_and_ends_what_sounds() -> None:
    s = scheduler()
    s.push(0, note_on(2, 60, 80))
    s.push(0, bytes((0xB2, 64, 127)))
    s.push(500, note_on(2, 64, 80))
    s.due(0, 100)
    s.stop()
    assert [m for _, m in s.due(100, 600)] == [note_off(2, 60), bytes((0xB2, 123, 0)), bytes((0xB2, 64, 0))]
    assert s.idle


def test_after_a_lost_cycle_the_last_note_offs_are_sent_again() -> None:
    s = scheduler()
    for at, message in [
        (0, note_on(0, 60, 80)),
        (50, note_off(0, 60)),
        (50, note_on(0, 62, 80)),
        (90, note_off(0, 62)),
    ]:
        s.push(at, message)
    s.push(95, note_on(0, 62, 70))
    s.due(0, 100)
    s.lost_cycle()
    assert s.due(100, 110) == [(100, note_off(0, 60))]  # not 62, which sounds again
    s.lost_cycle()
    assert s.due(400, 410) == []
    assert s.n_lost_cycles == 2


def test_late_messages_go_out_at_once_and_are_counted() -> None:
    s = scheduler()
    s.push(10, note_on(0, 60, 80))
    assert s.due(100, 200) == [(100, note_on(0, 60, 80))]
    assert s.n_late == 1


def test_controllers_that_silence_are_believed() -> None:
    s = scheduler()
    s.push(0, note_on(0, 60, 80))
    s.push(1, bytes((0xB0, 123, 0)))
    s.due(0, 10)
    assert not s.tracker.sounding


events = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from(["on", "off"]), st.integers(60, 63), st.integers(0, 1)), max_size=60
)


@given(events=events, cuts=st.lists(st.integers(1, 90), min_size=1, max_size=40))
def test_whatever_comes_nothing_hangs(events: list[tuple[int, str, int, int]], cuts: list[int]) -> None:
    port = MemoryPort(MidiConfig(sample_rate=RATE))
    for at, kind, pitch, channel in events:
        port.outlet.scheduler.push(at, note_on(channel, pitch, 80) if kind == "on" else note_off(channel, pitch))
    for cut in cuts:
        port.advance(cut)
    port.close()
    assert sounding(port.sent) == set()
    assert [at for at, _ in port.sent] == sorted(at for at, _ in port.sent)


@given(cuts=st.lists(st.integers(1, 5000), min_size=1, max_size=30), tempo=st.sampled_from([60, 97.3, 120, 200]))
def test_the_clock_does_not_depend_on_the_cycles_and_never_drifts(cuts: list[int], tempo: float) -> None:
    s = scheduler()
    s.clock.start(100, tempo)
    out, now = [], 0
    for cut in cuts:
        out += s.due(now, now + cut)
        now += cut
    ticks = [at for at, message in out if message[0] == CLOCK]
    per_tick = RATE * 60 / tempo / 24
    assert ticks == [round(100 + k * per_tick) for k in range(len(ticks))]
    assert len(ticks) == sum(round(100 + k * per_tick) < now for k in range(now))
    if ticks:
        assert out[0] == (100 - RATE // 1000, bytes((START,)))  # MIDI wants a millisecond before the first tick


def test_the_clock_can_begin_anywhere_change_its_tempo_and_stop() -> None:
    s = scheduler()
    s.do(lambda: s.clock.start(0, 120, sixteenth=300))
    first = s.due(0, 2001)
    assert first[:3] == [(0, song_position(300)), (0, bytes((CONTINUE,))), (0, bytes((CLOCK,)))]
    assert [at for at, m in first if m[0] == CLOCK] == [0, 1000, 2000]
    s.do(lambda: s.clock.steer(3000, 300 * 6 + 3, 24))
    assert [at for at, _ in s.due(2001, 7001)] == [3000, 5000, 7000]
    s.stop()
    assert s.due(7001, 20000) == [(7001, bytes((STOP,)))]


def follow(ticks: np.ndarray) -> ClockFollower:
    follower = ClockFollower(RATE)
    follower.take(int(ticks[0]) - 1, bytes((START,)))
    for at in ticks:
        follower.take(int(at), bytes((CLOCK,)))
    return follower


def test_a_followed_clock_knows_tempo_and_position_through_jitter() -> None:
    true = 5000 + np.arange(24 * 32) * 1000.0  # 120 a minute, 32 quarters
    jitter = np.random.default_rng(0).normal(0, 0.0015 * RATE, len(true))  # what rtmidi at 256 frames does
    follower = follow(np.sort(np.rint(true + jitter)))
    assert follower.tempo_bpm == pytest.approx(120, rel=0.005)
    position = follower.position(int(true[-1]) + 500)
    assert position == pytest.approx((24 * 32 - 0.5) / 24, abs=1.5 / 24)


def test_lost_ticks_do_not_set_the_position_back() -> None:
    true = 5000 + np.arange(24 * 16) * 1000
    keep = np.random.default_rng(1).random(len(true)) > 0.06
    keep[:4] = keep[-1] = True
    follower = follow(true[keep])
    assert follower.n_repaired == (~keep).sum()
    assert follower.position(int(true[-1])) == pytest.approx((len(true) - 1) / 24, abs=1e-9)


def test_song_position_continue_and_stop() -> None:
    follower = ClockFollower(RATE)
    assert follower.position(0) is None
    follower.take(0, song_position(300))
    follower.take(0, bytes((CONTINUE,)))
    for k in range(10):
        follower.take(100 + k * 1000, bytes((CLOCK,)))
    assert follower.position(100) == pytest.approx(300 / 4 + 9 / 24)
    follower.take(9200, bytes((STOP,)))
    assert follower.position(90000) == pytest.approx(300 / 4 + 9 / 24)
    for k in range(3):
        follower.take(10100 + k * 1000, bytes((CLOCK,)))  # a stopped clock goes on ticking
    follower.take(13000, bytes((CONTINUE,)))
    follower.take(13100, bytes((CLOCK,)))
    assert follower.position(13100) == pytest.approx(300 / 4 + 10 / 24)


def test_after_silence_the_position_waits() -> None:
    follower = follow(5000 + np.arange(48) * 1000)
    far = follower.position(5000 + 47 * 1000 + 500_000)
    assert far == pytest.approx((47 + 12) / 24)
    follower.take(5000 + 47 * 1000 + 500_000, bytes((CLOCK,)))
    assert follower.position(5000 + 47 * 1000 + 500_000) == pytest.approx(48 / 24)


def test_our_own_echo_is_not_taken_for_a_player() -> None:
    guard = FeedbackGuard(SAFETY)
    guard.sent([(100, note_on(0, 60, 80))])
    assert guard.is_own(120, note_on(0, 60, 80))
    assert not guard.is_own(121, note_on(0, 60, 80))
    guard.sent([(200, note_on(0, 60, 80))])
    assert not guard.is_own(251, note_on(0, 60, 80))
    assert not guard.is_own(205, note_on(0, 61, 80))


def test_hours_of_notes_take_no_memory() -> None:
    """What was sent is only kept as long as it may be repeated, or come back."""
    outlet = PortCore.of(MidiConfig(), 48_000)

    def play(first: int) -> None:
        for k in range(first, first + 2000):
            outlet.scheduler.push(4800 * k, note_on(0, 60, 80))
            outlet.scheduler.push(4800 * k + 2400, note_off(0, 60))
            outlet.due(4800 * k, 4800 * (k + 1))

    play(0)
    tracemalloc.start()
    try:
        play(2000)
        before = tracemalloc.get_traced_memory()[0]
        play(4000)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < GROWTH_BYTES


def test_settings_say_what_is_wrong() -> None:
    with pytest.raises(ConfigError, match="backend"):
        MidiConfig(backend="alsa")
    with pytest.raises(ConfigError, match="tempo_bpm"):
        ClockSender(RATE).start(0, 0)


def test_without_a_server_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody")
    with pytest.raises(DeviceError, match="jackd"):
        open_port(MidiConfig(backend="jack"))
