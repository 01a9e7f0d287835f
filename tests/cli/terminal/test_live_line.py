"""The line that moves: what it says before, while and where there is no terminal."""

from __future__ import annotations

import io

import pytest

from cli.terminal.live_line import LiveLine, meter
from engine.core.events import Position

RATE = 1000


def position(quarter: float, *, at: int = 0) -> Position:
    return Position(
        at=at, emitted_at=at, quarter=quarter, bar=1 + int(quarter // 4), score_s=0.0, tempo_bpm=60.0, confidence=0.94
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_silence_before_the_first_note_is_listening() -> None:
    out = Terminal()
    line = LiveLine(RATE, out=out)
    line.on_event(position(0.0))
    line.on_progress(500)
    assert "listening" in out.getvalue() and "sure" not in out.getvalue()
    line.on_event(position(0.5, at=600))
    line.close()
    assert "bar    1   quarter     0.50" in out.getvalue() and "sure  94%" in out.getvalue()


def test_a_later_start_is_a_place_too() -> None:
    line = LiveLine(RATE, out=(out := Terminal()))
    line.on_event(position(9.0))
    line.on_event(position(0.0, at=100))  # back at the beginning, as after a repeat
    line.close()
    assert "quarter     0.00" in out.getvalue()


def test_elsewhere_a_line_a_bar() -> None:
    line = LiveLine(RATE, out=(out := io.StringIO()))
    for k in range(20):
        line.on_event(position(k / 2, at=100 * k))
        line.on_progress(100 * k)
    line.close()
    assert [text.split("quarter")[0].split("bar")[1].strip() for text in out.getvalue().splitlines()] == ["1", "2", "3"]


def test_a_silent_line_writes_nothing() -> None:
    line = LiveLine(RATE, silent=True, out=(out := Terminal()))
    line.on_event(position(4.0))
    line.on_progress(1)
    line.say("news")
    line.close()
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("level", "text"), [(0.0, "[..........] no input"), (0.1, "[#######...]  -20 dB"), (1.0, "[##########]    0 dB")]
)
def test_the_meter(level: float, text: str) -> None:
    assert meter(level).rstrip() == text


def test_a_live_session_shows_state_and_level() -> None:
    line = LiveLine(RATE, follows=False, out=(out := Terminal()))
    line.set_live("waiting", 0.0)
    line.on_progress(0)
    assert "waiting" in out.getvalue()
    line.set_live("running", 0.5)
    line.close()
    assert "-6 dB" in out.getvalue() and "listening" in out.getvalue()
