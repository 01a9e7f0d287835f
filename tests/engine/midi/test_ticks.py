"""Ticks on a line that is steered: all of them once, in order, never in a burst; time code that another reads."""

from __future__ import annotations

from itertools import pairwise

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import ConfigError
from engine.midi.clock import CLOCK, CONTINUE, START, STOP, ClockSender, song_position
from engine.midi.ticks import CLOSEST
from engine.midi.timecode import FRAME_RATES, QUARTER_FRAME, TimecodeSender, full_frame, timecode
from tests.strategies import floats

RATE = 48_000
LEAD = RATE // 1000


def kinds(messages: list[tuple[int, bytes]]) -> list[tuple[int, int]]:
    return [(at, message[0]) for at, message in messages]


@settings(max_examples=60)
@given(
    steps=st.lists(
        st.tuples(st.integers(100, 3000), floats(-30, 30), floats(20, 100)),
        max_size=40,
    ),
    cuts=st.lists(st.integers(1, 3000), min_size=1, max_size=60),
)
def test_however_it_is_steered_every_tick_comes_once_and_none_in_a_burst(
    steps: list[tuple[int, float, float]], cuts: list[int]
) -> None:
    clock = ClockSender(RATE)
    clock.begin(0, 0, 48)
    at = 0
    for gap, error, per_s in steps:
        at += gap
        clock.steer(at, at * 48 / RATE + error, per_s)
    out, now = [], 0
    for cut in cuts:
        now += cut
        out += clock.due(now)
    ticks = [at for at, message in out if message[0] == CLOCK]
    shortest = CLOSEST * RATE / max([48.0, *(per_s for _, _, per_s in steps)])
    assert all(b - a >= shortest - 1 for a, b in pairwise(ticks))
    assert [at for at, _ in out] == sorted(at for at, _ in out)
    assert out == once(steps, now)  # whatever the cycles


def once(steps: list[tuple[int, float, float]], end: int) -> list[tuple[int, bytes]]:
    clock = ClockSender(RATE)
    clock.begin(0, 0, 48)
    at = 0
    for gap, error, per_s in steps:
        at += gap
        clock.steer(at, at * 48 / RATE + error, per_s)
    return clock.due(end)


def test_ticks_lie_on_the_line_to_the_sample() -> None:
    clock = ClockSender(RATE)
    clock.begin(1000, 0, 48)  # 1000 samples a tick
    clock.steer(4500, 3.5, 96)  # 500 a tick from between two ticks on
    assert kinds(clock.due(5800)) == [
        (1000 - LEAD, START),
        (1000, CLOCK),
        (2000, CLOCK),
        (3000, CLOCK),
        (4000, CLOCK),
        (4750, CLOCK),
        (5250, CLOCK),
        (5750, CLOCK),
    ]


def test_a_jump_stops_tells_the_place_and_continues_there() -> None:
    clock = ClockSender(RATE)
    clock.begin(0, 0, 48)
    clock.due(2500)
    clock.halt_at(3500)
    clock.begin(5000, 32 * 24, 48)
    assert clock.due(6001) == [
        (3000, bytes((CLOCK,))),
        (3500, bytes((STOP,))),
        (3500, song_position(128)),
        (5000 - LEAD, bytes((CONTINUE,))),
        (5000, bytes((CLOCK,))),
        (6000, bytes((CLOCK,))),
    ]


def test_a_stop_takes_back_what_had_been_planned_after_it() -> None:
    clock = ClockSender(RATE)
    clock.begin(0, 0, 48)
    clock.due(500)
    clock.halt_at(3500)
    clock.begin(9000, 96, 48)
    clock.halt_at(2500)
    assert kinds(clock.due(99_999)) == [(1000, CLOCK), (2000, CLOCK), (2500, STOP)]
    assert clock.next_at() is None


def test_a_line_whose_time_has_gone_is_caught_up_with_at_twice_the_pace() -> None:
    clock = ClockSender(RATE)
    clock.begin(0, 0, 48)
    clock.due(2001)
    clock.steer(2001, 8.0, 48)
    assert [at for at, _ in clock.due(5000)] == [2500, 3000, 3500, 4000, 4500]


def test_no_line_stands_or_runs_wild() -> None:
    for per_s in (0.0, float("nan"), 1e9):
        with pytest.raises(ConfigError):
            ClockSender(RATE).begin(0, 0, per_s)


@pytest.mark.parametrize(
    ("rate", "frame", "expected"),
    [
        ("25", 25 * 3661 + 7, (1, 1, 1, 7)),
        ("24", 24 * 86_400, (0, 0, 0, 0)),
        ("30", 29, (0, 0, 0, 29)),
        ("29.97", 1799, (0, 0, 59, 29)),
        ("29.97", 1800, (0, 1, 0, 2)),  # the published example of dropped numbers
        ("29.97", 17_982, (0, 10, 0, 0)),
        ("29.97", 107_892, (1, 0, 0, 0)),
    ],
)
def test_frames_are_counted_as_video_counts_them(rate: str, frame: int, expected: tuple[int, ...]) -> None:
    assert timecode(frame, rate) == expected


@pytest.mark.parametrize("rate", FRAME_RATES)
@settings(max_examples=20)
@given(start=st.integers(0, 80_000))
def test_another_library_reads_the_time_from_eight_quarter_frames(rate: str, start: int) -> None:
    sender = TimecodeSender(RATE, rate)
    sender.begin(0, start * 8, float(FRAME_RATES[rate][1]) * 4)
    out = sender.due(RATE // 10)
    assert out[0] == (0, full_frame(start * 2, rate))
    pieces = [mido.Message.from_bytes(message) for _, message in out[1:9]]
    assert [piece.frame_type for piece in pieces] == list(range(8))
    values = [piece.frame_value for piece in pieces]
    frames, seconds, minutes, hours = (values[2 * k] | values[2 * k + 1] << 4 for k in range(4))
    assert (hours & 31, minutes, seconds, frames) == timecode(start * 2, rate)
    assert hours >> 5 == FRAME_RATES[rate][0]
    assert mido.Message.from_bytes(out[0][1]).type == "sysex"


def test_time_code_stands_where_it_is_halted() -> None:
    sender = TimecodeSender(RATE, "25")
    sender.begin(0, 0, 100)
    sender.halt_at(4801)
    out = sender.due(RATE)
    assert {message[0] for _, message in out[1:]} == {QUARTER_FRAME}
    assert out[-1][0] == 4800
