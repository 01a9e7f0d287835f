"""Read the chunks and events of Standard MIDI Files as they come from the world: wrapped, cut, with false counts.

Standard MIDI Files 1.0 (MIDI Manufacturers Association, RP-001); RIFF wrapping by RP-029. What is there is read; what
is wrong with it is said once. Only what has no musical meaning without guessing is refused: no header, format 2, and
time that is not counted in ticks per quarter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.core.errors import ScoreError

__all__ = ["MAX_MIDI_EVENTS", "MidiChunks", "MidiEvent", "read_chunks"]

MAX_MIDI_EVENTS = 2_000_000
MAX_REMARKS = 3  # in one line
RE_EXPORT = "export it again as MIDI with ticks per quarter note"
HEADER, TRACK = b"MThd", b"MTrk"
META, SYSEX, ESCAPE, END_OF_TRACK = 0xFF, 0xF0, 0xF7, 0x2F
META_LENGTHS = {0x00: 2, 0x20: 1, 0x21: 1, END_OF_TRACK: 0, 0x51: 3, 0x54: 5, 0x58: 4, 0x59: 2}
SYSTEM_LENGTHS = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # which do not belong in files, like all from 0xF1 on
FRAME_RATES = (24, 25, 29, 30)

MidiEvent = tuple[int, int, bytes]  # tick; status, or 256 + the type of a meta event; data


@dataclass(slots=True)
class MidiChunks:
    """The tracks of a file.

    ticks_per_quarter: 1 to 32,767
    tracks: the events of each track, in order of time
    ends: tick of the end of each track
    remarks: what is wrong with the file
    """

    ticks_per_quarter: int
    tracks: list[list[MidiEvent]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def remark(self) -> str:
        """Return all remarks as one line, empty if the file is in order."""
        more = len(self.remarks) - MAX_REMARKS
        return "; ".join([*self.remarks[:MAX_REMARKS], *([f"and {more} more"] if more > 0 else [])])


def read_chunks(where: str, data: bytes) -> MidiChunks:
    """Read all tracks of a file; ScoreError for what cannot be read, naming `where`."""
    data = _unwrapped(data)
    song, position, n_declared = _header(where, data)
    for body, length in _track_bodies(data, position, song.remarks):
        name = f"track {len(song.tracks) + 1}"
        events, end, problem = _events(body, length)
        if problem:
            song.remarks.append(f"{name} {problem}")
        song.tracks.append(events)
        song.ends.append(end)
        if sum(map(len, song.tracks)) > MAX_MIDI_EVENTS:
            raise ScoreError(where, expected=f"at most {MAX_MIDI_EVENTS} events", got="more", remedy="split the file")
    if n_declared != len(song.tracks):
        song.remarks.append(f"the header says {n_declared} tracks, {len(song.tracks)} are there")
    return song


def _unwrapped(data: bytes) -> bytes:
    """Return the MIDI file inside a RIFF file, or behind bytes that do not belong to it."""
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        at = 12
        while at + 8 <= len(data):
            length = int.from_bytes(data[at + 4 : at + 8], "little")
            if data[at : at + 4] == b"data":
                body = data[at + 8 : at + 8 + length]
                return body if body[:4] == HEADER else data[at + 8 :]
            at += 8 + length + length % 2
    return data


def _header(where: str, data: bytes) -> tuple[MidiChunks, int, int]:
    """Return an empty MidiChunks, the position behind the header, and how many tracks it declares."""
    start = data.find(HEADER)
    fields = data[start + 8 : start + 14]
    if start < 0 or len(fields) < 6:
        got = "a header that is cut" if start >= 0 else f"a file that begins with {data[:8]!r}"
        raise ScoreError(where, expected="a MIDI file (MThd)", got=got, remedy="export it again as MIDI")
    length = int.from_bytes(data[start + 4 : start + 8], "big")
    form, n_tracks, division = (int.from_bytes(fields[i : i + 2], "big") for i in (0, 2, 4))
    _check_header(where, form, division)
    song = MidiChunks(division)
    if start:
        song.remarks.append(f"{start} bytes before the header")
    if form > 2:
        song.remarks.append(f"format {form} is unknown, read as 1")
    end = start + 8 + length
    usual = start + 14
    return song, end if length > 6 and data[usual : usual + 4] != TRACK else usual, n_tracks


def _check_header(where: str, form: int, division: int) -> None:
    if form == 2:
        remedy = "export each pattern as a file of its own"
        raise ScoreError(where, expected="MIDI of format 0 or 1", got="format 2: independent patterns", remedy=remedy)
    if division & 0x8000:
        rate, ticks = 256 - (division >> 8), division & 0xFF
        known = f"{rate} frames a second of {ticks} ticks" if rate in FRAME_RATES else f"division {division:#06x}"
        raise ScoreError(where, expected="ticks per quarter note", got=f"SMPTE time ({known})", remedy=RE_EXPORT)
    if division == 0:
        raise ScoreError(where, expected="ticks per quarter note", got="0 (division)", remedy=RE_EXPORT)


def _track_bodies(data: bytes, at: int, remarks: list[str]) -> Iterator[tuple[bytes, int]]:
    """Yield the bytes of each track and its declared length, which they exceed if that is false; skip alien chunks."""
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        end = at + 8 + length
        if name == TRACK:
            end = end if _chunk_at(data, end) else _next_track(data, at + 8)
            yield data[at + 8 : end], length
        elif name == HEADER:
            remarks.append(f"another file follows in the same one; its {len(data) - at} bytes are left out")
            return
        elif not (name.isalpha() and _chunk_at(data, end)):  # else an alien chunk: the standard says to ignore it
            end = _next_track(data, at)
            if data[at:end].strip(b"\0"):
                remarks.append(f"{end - at} bytes that are no chunk are left out")
        at = end


def _next_track(data: bytes, at: int) -> int:
    found = data.find(TRACK, at)
    return len(data) if found < 0 else found


def _chunk_at(data: bytes, at: int) -> bool:
    """Return whether a chunk may begin here, or the file ends."""
    return at == len(data) or (at + 8 <= len(data) and data[at : at + 4].isalpha())


def _events(body: bytes, length: int) -> tuple[list[MidiEvent], int, str]:
    """Return a track's events, the tick of its end, and what is wrong with it.

    A meta event whose length differs from the standard's is believed, unless the track then falls apart.
    """
    scan = _Scan(body)
    scan.run()
    if scan.problem and scan.odd_lengths:
        other = _Scan(body, standard_lengths=True)
        other.run()
        scan = other if not other.problem or len(other.events) > len(scan.events) else scan
    problem = scan.problem
    if not problem and length > len(body):
        problem = f"has a false length ({length} bytes)" if scan.ended else "is cut"
    return scan.events, scan.tick, problem


class _Scan:
    """Decode the events of a track as far as they can be understood."""

    def __init__(self, body: bytes, *, standard_lengths: bool = False) -> None:
        self.body, self.at, self.tick = body, 0, 0
        self.standard_lengths, self.odd_lengths = standard_lengths, False
        self.events: list[MidiEvent] = []
        self.problem, self.ended = "", False
        self._status = 0

    def run(self) -> None:
        """Decode until the end of the track, or until what cannot be read."""
        try:
            while self.at < len(self.body) and not self.ended and len(self.events) <= MAX_MIDI_EVENTS:
                tick = self.tick + self._number()
                status = self.body[self.at]
                self._event(tick, status)
        except IndexError:
            self.problem = "is cut"
        except ValueError as error:
            left = len(self.body) - self.at
            self.problem = f"cannot be read further than tick {self.tick} ({error}); {left} bytes are left out"
        if not self.problem and self.body[self.at :].strip(b"\0"):
            self.problem = f"goes on for {len(self.body) - self.at} bytes after its end; they are left out"

    def _event(self, tick: int, status: int) -> None:
        if status < 0x80:  # running status; some writers keep it across meta events and system exclusive
            if not self._status:
                raise ValueError(f"{status:#04x} where a status byte belongs")
            self._message(tick, self._status)
        elif status < SYSEX:
            self._status = status
            self.at += 1
            self._message(tick, status)
        else:
            self.at += 1
            self._system(tick, status)

    def _message(self, tick: int, status: int) -> None:
        """Decode a channel message; a second data byte above 127 is 127."""
        n = 1 if status & 0xF0 in (0xC0, 0xD0) else 2
        data = self._take(n)
        if data[0] < 0x80:
            self.events.append((tick, status, bytes((data[0], *(min(byte, 127) for byte in data[1:])))))
        self.tick = tick

    def _system(self, tick: int, status: int) -> None:
        if status == META:
            self._meta(tick)
        else:
            exclusive = status in (SYSEX, ESCAPE)
            self._take(self._number() if exclusive else SYSTEM_LENGTHS.get(status, 0))
        self.tick = tick

    def _meta(self, tick: int) -> None:
        kind = self._take(1)[0]
        length = self._number()
        standard = META_LENGTHS.get(kind, length)
        self.odd_lengths |= length != standard
        data = self._take(standard if self.standard_lengths else length)
        if kind == END_OF_TRACK:
            self.ended = True
        else:
            self.events.append((tick, 256 + kind, data))

    def _take(self, n: int) -> bytes:
        data = self.body[self.at : self.at + n]
        if len(data) < n:
            raise IndexError
        self.at += n
        return data

    def _number(self) -> int:
        """Decode a number of variable length, at most four bytes."""
        value = 0
        for _ in range(4):
            byte = self.body[self.at]
            self.at += 1
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        raise ValueError("a number of more than four bytes")
