"""Send MIDI time code: quarter frames while it runs, a full frame where it is located (MIDI time code, MMA RP-004)."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from engine.core.config import require_one_of
from engine.midi.ticks import TickSender

__all__ = ["FRAME_RATES", "QUARTERS", "QUARTER_FRAME", "TimecodeSender", "full_frame", "timecode"]

QUARTER_FRAME = 0xF1
QUARTERS = 4  # messages a frame
SET = 8  # messages that tell one time, two frames long
# Frames a second: the code of the rate, the exact rate, frames counted a second.
FRAME_RATES: dict[str, tuple[int, Fraction, int]] = {
    "24": (0, Fraction(24), 24),
    "25": (1, Fraction(25), 25),
    "29.97": (2, Fraction(30_000, 1001), 30),
    "30": (3, Fraction(30), 30),
}
DROP = "29.97"
DAY_H = 24


class Timecode(NamedTuple):
    """Hours, minutes, seconds and frames."""

    hours: int
    minutes: int
    seconds: int
    frames: int


def timecode(frame: int, rate: str) -> Timecode:
    """Return the time of a frame; at 29.97 two numbers a minute are left out, except every tenth (drop frame)."""
    counted = FRAME_RATES[rate][2]
    if rate == DROP:
        tens, rest = divmod(frame, 17_982)  # frames in ten minutes
        frame += 18 * tens + 2 * max((rest - 2) // 1_798, 0)
    seconds, frames = divmod(frame, counted)
    return Timecode(seconds // 3600 % DAY_H, seconds // 60 % 60, seconds % 60, frames)


def full_frame(frame: int, rate: str) -> bytes:
    """Return the message that sets the time of all receivers at once."""
    at = timecode(frame, rate)
    return bytes((0xF0, 0x7F, 0x7F, 0x01, 0x01, FRAME_RATES[rate][0] << 5 | at.hours, *at[1:], 0xF7))


class TimecodeSender(TickSender):
    """Tick k is quarter frame k since time 0; the first one sent is a multiple of SET."""

    def __init__(self, sample_rate: int, rate: str) -> None:
        require_one_of("frames a second", rate, FRAME_RATES)
        super().__init__(sample_rate)
        self.rate = rate

    def locating(self, tick: int) -> list[bytes]:
        """Return the full frame."""
        return [full_frame(tick // QUARTERS, self.rate)]

    def beginning(self, tick: int) -> list[bytes]:
        """Return nothing: the first quarter frame makes it begin."""
        return []

    def tick(self, number: int) -> bytes:
        """Return a quarter frame: four bits of the time at which its set of eight begins."""
        piece, begun = number % SET, number // SET * SET // QUARTERS
        at = timecode(begun, self.rate)
        fields = (at.frames, at.seconds, at.minutes, at.hours | FRAME_RATES[self.rate][0] << 5)
        value = fields[piece // 2] >> 4 if piece % 2 else fields[piece // 2] & 0x0F
        return bytes((QUARTER_FRAME, piece << 4 | value))

    def ending(self) -> list[bytes]:
        """Return nothing: the time stands where no quarter frame comes."""
        return []
