"""Read scores from MusicXML, compressed MusicXML and MIDI files, with protection against malicious files.

MusicXML is played out as its signs say; MIDI, which has none, is read by mido. Any error in a file is raised as one
ScoreError.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mido
import numpy as np

from engine.core.errors import ScoreError
from engine.score.musicxml.played import played_musicxml
from engine.score.parts import PartNotes, ScoreDraft, finished_score
from engine.score.score import MAX_QUARTERS, Score

__all__ = ["SUFFIXES", "list_parts", "read_score"]

SUFFIXES = (".musicxml", ".xml", ".mxl", ".mid", ".midi")
MAX_BYTES = 64 << 20  # largest size of a file, unpacked if compressed: a symphony needs 20 MiB
MAX_MIDI_EVENTS = 2_000_000
DRUM_CHANNEL = 9
SHORTEST_BAR = 0.25  # quarters: a shorter bar means a broken file
Row = tuple[float, float, int, int]


def read_score(path: str | Path, parts: Sequence[str] = (), *, repeats_after_jump: bool = False) -> Score:
    """Read MusicXML (.musicxml, .xml, .mxl) or MIDI (.mid, .midi); raise a one-line ScoreError for any error.

    parts: names, abbreviations or ids of the parts to follow; without any the part Solo if there is one, else all.
        Quarters and bars are those of the whole score.
    repeats_after_jump: take repeats again after a D.C. or D.S., which by custom is not done
    """
    return finished_score(_draft(Path(path), repeats_after_jump), parts)


def list_parts(path: str | Path) -> list[PartNotes]:
    """Return the parts of a score file, with their notes; raise as `read_score` does."""
    return _draft(Path(path), False).parts


def _draft(path: Path, repeats_after_jump: bool) -> ScoreDraft:
    if path.suffix.lower() not in SUFFIXES:
        raise ScoreError(str(path), expected="one of " + ", ".join(SUFFIXES), got=path.suffix or "no suffix")
    data = _read(path)
    try:
        if path.suffix.lower() in (".mid", ".midi"):
            return _midi(path, data)
        return played_musicxml(path, data, repeats_after_jump=repeats_after_jump)
    except ScoreError:
        raise
    except (Exception, RecursionError) as error:  # a file may be broken in ways that nobody has thought of
        raise _broken(path, "a well-formed score", error, "open it in a score editor and export it again") from error


def _broken(path: Path, expected: str, error: BaseException, remedy: str) -> ScoreError:
    said = " ".join(str(error).split())[:120]
    return ScoreError(str(path), expected=expected, got=f"{type(error).__name__}: {said}", remedy=remedy)


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        data = path.read_bytes() if 0 < size <= MAX_BYTES else b""
    except OSError as error:
        raise ScoreError(str(path), expected="a readable file", got=error.strerror or str(error)) from error
    if not data:
        raise ScoreError(str(path), expected=f"1 to {MAX_BYTES} bytes", got=f"{size} bytes", remedy="check the file")
    return data


def _midi(path: Path, data: bytes) -> ScoreDraft:
    file = mido.MidiFile(file=io.BytesIO(data), clip=True)
    if file.ticks_per_beat <= 0:
        raise ScoreError(str(path), expected="ticks per quarter", got="SMPTE time", remedy="export with musical time")
    messages = _messages(path, file)
    end = messages[-1][0] if messages else 0.0
    tempi = [(q, 6e7 / m.tempo) for q, m in messages if m.type == "set_tempo" and m.tempo]
    part = PartNotes(id="1", notes=[(*row, -1) for row in _midi_notes(messages, end)])
    bars = [(quarter, number, number) for quarter, number in _midi_bars(messages, end)]
    return ScoreDraft(where=str(path), name=path.stem, parts=[part], bars=bars, tempi=tempi)


def _messages(path: Path, file: mido.MidiFile) -> list[tuple[float, Any]]:
    """Return (quarter, message) of all tracks in order of time."""
    n = sum(len(track) for track in file.tracks)
    if n > MAX_MIDI_EVENTS:
        raise ScoreError(str(path), expected=f"at most {MAX_MIDI_EVENTS} events", got=str(n), remedy="split the file")
    messages: list[tuple[float, Any]] = []
    for track in file.tracks:
        ticks = 0
        for message in track:
            ticks += message.time
            messages.append((ticks / file.ticks_per_beat, message))
    return sorted(messages, key=lambda row: row[0])


def _midi_notes(messages: list[tuple[float, Any]], end: float) -> list[Row]:
    """Return rows (onset, duration, pitch, velocity) without drums.

    A note without an end lasts to the last message.
    """
    rows: list[Row] = []
    open_notes: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for quarter, message in messages:
        if message.type not in ("note_on", "note_off") or message.channel == DRUM_CHANNEL:
            continue
        key = (message.channel, message.note)
        if message.type == "note_on" and message.velocity:
            open_notes.setdefault(key, []).append((quarter, message.velocity))
        elif open_notes.get(key):
            start, velocity = open_notes[key].pop(0)
            rows.append((start, quarter - start, message.note, velocity))
    for (_, pitch), left in open_notes.items():
        rows.extend((start, end - start, pitch, velocity) for start, velocity in left)
    return rows


def _midi_bars(messages: list[tuple[float, Any]], end: float) -> list[tuple[float, int]]:
    """Return (quarter, number) of each bar from the time signatures, 4/4 before the first."""
    changes = [(0.0, 4.0)]
    signatures = [(q, 4.0 * m.numerator / m.denominator) for q, m in messages if m.type == "time_signature"]
    changes += [(q, length) for q, length in signatures if length >= SHORTEST_BAR]
    rows: list[tuple[float, int]] = []
    for (start, length), stop in zip(changes, [q for q, _ in changes[1:]] + [end], strict=True):
        rows.extend((float(q), 0) for q in np.arange(start, min(stop, MAX_QUARTERS) - 1e-9, length))
    return [(q, number) for number, (q, _) in enumerate(rows or [(0.0, 0)], start=1)]
