"""MIDI files byte by byte, so that tests can write what no library would: the pieces, and every kind of damage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

__all__ = ["END", "Tune", "chunk", "events_of", "header", "meta", "number", "smf", "tunes"]

END = b"\x00\xff\x2f\x00"


def number(value: int) -> bytes:
    """A number of variable length."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(0x80 | value & 0x7F)
    return bytes(reversed(parts))


def chunk(name: bytes, body: bytes, *, length: int | None = None) -> bytes:
    return name + (len(body) if length is None else length).to_bytes(4, "big") + body


def header(*, form: int = 1, tracks: int = 1, division: int = 480, more: bytes = b"") -> bytes:
    body = b"".join(value.to_bytes(2, "big") for value in (form, tracks, division)) + more
    return chunk(b"MThd", body)


def meta(kind: int, body: bytes, *, length: int | None = None) -> bytes:
    return b"\x00\xff" + bytes((kind,)) + number(len(body) if length is None else length) + body


@dataclass(frozen=True)
class Tune:
    """A line of notes: (rest before, duration, pitch), ticks."""

    notes: tuple[tuple[int, int, int], ...]
    division: int = 480
    channel: int = 0
    rows: tuple[tuple[int, int, int], ...] = field(init=False)  # onset, end, pitch

    def __post_init__(self) -> None:
        now, rows = 0, []
        for rest, duration, pitch in self.notes:
            rows.append((now + rest, now + rest + duration, pitch))
            now += rest + duration
        object.__setattr__(self, "rows", tuple(rows))


def events_of(
    tune: Tune, *, running: bool = False, zero_velocity: bool = False, between: bytes = b"", endless: Sequence[int] = ()
) -> bytes:
    """The notes as events.

    running: leave out status bytes that repeat
    between: an event after each note-on
    endless: the notes whose note-off is missing
    """
    out, last, waiting = b"", -1, 0
    for i, (rest, duration, pitch) in enumerate(tune.notes):
        strokes = [(rest, 0x90, 80), (duration, 0x90, 0) if zero_velocity else (duration, 0x80, 64)]
        for stroke, (wait, kind, velocity) in enumerate(strokes):
            waiting += wait
            if stroke and i in endless:
                continue
            status = kind | tune.channel
            shown = b"" if running and status == last else bytes((status,))
            out += number(waiting) + shown + bytes((pitch, velocity)) + (b"" if stroke else between)
            last, waiting = status, 0
    return out + number(waiting) + END[1:]


def smf(*bodies: bytes, **fields: int) -> bytes:
    """A file of tracks."""
    return header(**{"tracks": len(bodies), **fields}) + b"".join(chunk(b"MTrk", body) for body in bodies)


@st.composite
def tunes(draw: st.DrawFn, *, channel: int = 0) -> Tune:
    notes = st.tuples(st.integers(0, 300), st.integers(1, 2000), st.integers(0, 127))
    found = draw(st.lists(notes, min_size=1, max_size=12))
    return Tune(tuple(found), division=draw(st.sampled_from([1, 24, 96, 480, 32767])), channel=channel)
