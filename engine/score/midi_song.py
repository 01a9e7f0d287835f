"""The music in a MIDI file: its notes, tempi, metres and names, for scores, beginnings, melodies and corpora alike.

A note that is never ended lasts to the next note of the same pitch on its channel, or to the end of the file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.core.errors import ScoreError
from engine.score.file_bytes import read_score_bytes
from engine.score.midi_chunks import MidiChunks, MidiEvent, read_chunks

__all__ = ["DRUM_CHANNEL", "MIDI_NOTE", "MIDI_SUFFIXES", "MidiSong", "is_midi", "parse_midi_song", "read_midi_song"]

MIDI_SUFFIXES = (".mid", ".midi", ".smf", ".kar", ".rmi")
MIDI_NOTE = np.dtype(
    [("onset", "i8"), ("end", "i8"), ("pitch", "i2"), ("velocity", "i2"), ("channel", "i2"), ("track", "i4")]
)
DRUM_CHANNEL = 9
DEFAULT_BPM = 120.0  # the standard's tempo where a file states none
SLOWEST, FASTEST = 5.0, 1000.0  # quarters a minute that are believed
NAME, TEMPO, METRE = 256 + 0x03, 256 + 0x51, 256 + 0x58
NOTE_OFF, NOTE_ON, CONTROL, PROGRAM = 0x80, 0x90, 0xB0, 0xC0
SUSTAIN = 64  # controller
LARGEST_UNIT = 6  # a 64th note is the unit of the shortest beats
Struck = tuple[int, int]  # tick, velocity


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MidiSong:
    """A MIDI file; times are ticks.

    notes: MIDI_NOTE records in order of onset, track, channel, pitch; no note ends before it begins
    end: of the longest track
    tempi: (tick, quarters a minute from there on), the first at tick 0
    metres: (tick, beats, unit of a beat), the first at tick 0
    names: of the tracks, empty where there is none
    programs: first instrument of each track, from 0; None where it has none
    pedals: of each track: (tick, value of the sustain pedal from there on)
    notices: what is wrong with the file, in one line; none if it is in order
    """

    ticks_per_quarter: int
    notes: np.ndarray
    end: int
    tempi: tuple[tuple[int, float], ...]
    metres: tuple[tuple[int, int, int], ...]
    names: tuple[str, ...]
    programs: tuple[int | None, ...] = ()
    pedals: tuple[tuple[tuple[int, int], ...], ...] = ()
    notices: tuple[str, ...] = ()

    def melodic(self, where: str) -> np.ndarray:
        """Return the notes without drums; ScoreError, naming `where`, if there are none."""
        notes = self.notes[self.notes["channel"] != DRUM_CHANNEL]
        if len(notes) == 0:
            n = len(self.notes)
            got = f"drums alone ({n} notes on channel {DRUM_CHANNEL + 1})" if n else "no notes"
            raise ScoreError(where, expected="notes with a pitch", got=got, remedy="export it with its melodic tracks")
        return notes


def is_midi(path: Path) -> bool:
    """Return whether the file's extension is one of MIDI files."""
    return path.suffix.lower() in MIDI_SUFFIXES


def read_midi_song(path: Path) -> MidiSong:
    """Read a MIDI file; ScoreError for what cannot be read; what is wrong with what can is in `notices`."""
    return parse_midi_song(str(path), read_score_bytes(path))


def parse_midi_song(where: str, data: bytes) -> MidiSong:
    """Read the bytes of a MIDI file named `where`, as `read_midi_song` does."""
    chunks = read_chunks(where, data)
    end = max(chunks.ends, default=0)
    notes, n_endless = _notes(chunks, end)
    tempi, n_odd = _tempi(chunks)
    if n_endless:
        chunks.remarks.append(f"notes without an end: {n_endless}; they last to the next of their pitch, or the end")
    if n_odd:
        chunks.remarks.append(f"tempi outside {SLOWEST:g} to {FASTEST:g} quarters a minute: {n_odd}, left out")
    return MidiSong(
        ticks_per_quarter=chunks.ticks_per_quarter,
        notes=notes,
        end=max(end, int(notes["end"].max(initial=0))),
        tempi=tempi,
        metres=_metres(chunks),
        names=tuple(map(_name, chunks.tracks)),
        programs=tuple(map(_program, chunks.tracks)),
        pedals=tuple(map(_pedal, chunks.tracks)),
        notices=(chunks.remark,) if chunks.remark else (),
    )


def _notes(chunks: MidiChunks, end: int) -> tuple[np.ndarray, int]:
    """Return MIDI_NOTE records, and how many of them the file never ends."""
    rows: list[tuple[int, ...]] = []
    n_endless = 0
    for number, track in enumerate(chunks.tracks):
        for (channel, pitch), strokes in _strokes(track).items():
            last = strokes[-1][0]
            ends, endless = _ends(strokes, end if end > last else last + chunks.ticks_per_quarter)
            n_endless += endless
            rows += [(a, b, pitch, v, channel, number) for (a, v), b in zip(_struck(strokes), ends, strict=True)]
    notes = np.array(rows, MIDI_NOTE)
    return np.sort(notes, order=["onset", "track", "channel", "pitch"]), n_endless


def _strokes(track: list[MidiEvent]) -> dict[tuple[int, int], list[Struck]]:
    """Return (tick, velocity) of every note-on and note-off of each channel and pitch; velocity 0 is a note-off."""
    strokes: dict[tuple[int, int], list[Struck]] = {}
    for tick, status, data in track:
        if NOTE_OFF <= status < NOTE_ON + 16:
            velocity = data[1] if status >= NOTE_ON else 0
            strokes.setdefault((status & 15, data[0]), []).append((tick, velocity))
    return strokes


def _struck(strokes: list[Struck]) -> Iterator[Struck]:
    return (stroke for stroke in strokes if stroke[1])


def _ends(strokes: list[Struck], end: int) -> tuple[list[int], int]:
    """Return the end of every note of one pitch, and how many are never ended; the others end in the order of onset."""
    begun = [i for i, (_, velocity) in enumerate(strokes) if velocity]
    following = dict(zip(begun, [*(strokes[i][0] for i in begun[1:]), end], strict=False))
    endless = _endless(strokes)
    ends: dict[int, int] = {}
    sounding: deque[int] = deque()
    for i, (tick, velocity) in enumerate(strokes):
        if velocity:
            ends[i] = following[i]
            sounding.extend([] if i in endless else [i])
        elif sounding:
            ends[sounding.popleft()] = tick
    return list(ends.values()), len(endless)


def _endless(strokes: list[Struck]) -> set[int]:
    """Return the notes after which the number of notes sounding never falls again to what it was before them."""
    sounding: list[int] = []
    for i, (_, velocity) in enumerate(strokes):
        if velocity:
            sounding.append(i)
        elif sounding:
            sounding.pop()
    return set(sounding)


def _tempi(chunks: MidiChunks) -> tuple[tuple[tuple[int, float], ...], int]:
    """Return (tick, quarters a minute), and how many tempi no music has."""
    marks, n_odd = {0: DEFAULT_BPM}, 0
    for tick, data in _metas(chunks, TEMPO):
        bpm = 6e7 / max(int.from_bytes(data, "big"), 1)
        if SLOWEST <= bpm <= FASTEST:
            marks[tick] = bpm
        else:
            n_odd += 1
    return tuple(sorted(marks.items())), n_odd


def _metres(chunks: MidiChunks) -> tuple[tuple[int, int, int], ...]:
    """Return (tick, beats, unit); signatures that no music has are left out."""
    marks = {0: (4, 4)}
    for tick, data in _metas(chunks, METRE):
        if len(data) >= 2 and data[0] and data[1] <= LARGEST_UNIT:
            marks[tick] = (data[0], 1 << data[1])
    return tuple((tick, *metre) for tick, metre in sorted(marks.items()))


def _metas(chunks: MidiChunks, kind: int) -> Iterator[tuple[int, bytes]]:
    found = [(tick, data) for track in chunks.tracks for tick, status, data in track if status == kind]
    return iter(sorted(found, key=lambda event: event[0]))


def _name(track: list[MidiEvent]) -> str:
    """Return the first name in a track, as UTF-8 or Latin-1."""
    data = next((data for _, status, data in track if status == NAME), b"")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return " ".join(text.replace("\0", " ").split())


def _program(track: list[MidiEvent]) -> int | None:
    """Return the first instrument in a track that is no drum kit."""
    drums = PROGRAM + DRUM_CHANNEL
    changes = (data[0] for _, status, data in track if PROGRAM <= status < PROGRAM + 16 and status != drums)
    return next(changes, None)


def _pedal(track: list[MidiEvent]) -> tuple[tuple[int, int], ...]:
    """Return (tick, value) of the sustain pedal, each value that differs from the one before."""
    moves: list[tuple[int, int]] = []
    for tick, status, data in track:
        if CONTROL <= status < CONTROL + 16 and data[0] == SUSTAIN and data[1] != (moves[-1][1] if moves else 0):
            moves.append((tick, data[1]))
    return tuple(moves)
