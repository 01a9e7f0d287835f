"""Read scores from MusicXML, compressed MusicXML and MIDI files, with protection against malicious files.

MusicXML is read by partitura with all repeats played out; MIDI, which has no repeats, by mido. Any error in a file is
raised as one ScoreError.
"""

from __future__ import annotations

import io
import sys
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mido
import numpy as np
import partitura
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring, tostring
from partitura.score import Measure, Part, Tempo, unfold_part_maximal

from engine.core.errors import ScoreError
from engine.score.parts import PartNotes, ScoreDraft, finished_score
from engine.score.score import MAX_QUARTERS, Score

__all__ = ["SUFFIXES", "list_parts", "read_score"]

SUFFIXES = (".musicxml", ".xml", ".mxl", ".mid", ".midi")
MAX_BYTES = 64 << 20  # largest size of a file, unpacked if compressed: a symphony needs 20 MiB
MAX_MIDI_EVENTS = 2_000_000
DRUM_CHANNEL = 9
SHORTEST_BAR = 0.25  # quarters: a shorter bar means a broken file
RECURSION = 20_000  # partitura's unfolding recurses once a segment
Row = tuple[float, float, int, int]


def read_score(path: str | Path, parts: Sequence[str] = ()) -> Score:
    """Read MusicXML (.musicxml, .xml, .mxl) or MIDI (.mid, .midi); raise a one-line ScoreError for any error.

    parts: names, abbreviations or ids of the parts to follow; without any the part Solo if there is one, else all.
        Quarters and bars are those of the whole score.
    """
    return finished_score(_draft(Path(path)), parts)


def list_parts(path: str | Path) -> list[PartNotes]:
    """Return the parts of a score file, with their notes; raise as `read_score` does."""
    return _draft(Path(path)).parts


def _draft(path: Path) -> ScoreDraft:
    if path.suffix.lower() not in SUFFIXES:
        raise ScoreError(str(path), expected="one of " + ", ".join(SUFFIXES), got=path.suffix or "no suffix")
    data = _read(path)
    reader = _midi if path.suffix.lower() in (".mid", ".midi") else _musicxml
    try:
        with _patience():
            return reader(path, data)
    except ScoreError:
        raise
    except DefusedXmlException as error:
        raise _broken(path, "MusicXML without entities or internal DTD", error, "remove them and try again") from error
    except (Exception, RecursionError) as error:  # third-party parsers raise anything for a broken file
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


@contextmanager
def _patience() -> Iterator[None]:
    """Allow deep recursion and silence warnings while a third-party parser runs."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, RECURSION))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.setrecursionlimit(limit)


def _musicxml(path: Path, data: bytes) -> ScoreDraft:
    if data[:4] == b"PK\x03\x04":
        data = _unpack(path, data)
    # A first pass rejects entities; a DOCTYPE line without them is legitimate, and nothing is ever fetched.
    root = fromstring(data, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    if root.tag not in ("score-partwise", "score-timewise"):
        raise ScoreError(str(path), expected="a MusicXML score", got=f"<{root.tag[:40]}>", remedy="export as MusicXML")
    clean = io.BytesIO(tostring(root, encoding="utf-8"))  # read exactly what was checked: no DOCTYPE left
    parts = [unfold_part_maximal(part) for part in partitura.load_musicxml(clean).parts]
    return ScoreDraft(
        where=str(path),
        name=path.stem,
        parts=[_part(part) for part in parts],
        bars=[(quarter, number, number) for quarter, number in _part_bars(parts[0])] if parts else (),
        tempi=sorted({row for part in parts for row in _part_tempi(part)}),
    )


def _unpack(path: Path, data: bytes) -> bytes:
    """Return the score in a compressed MusicXML file, named by its container, without writing to disk."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        container = fromstring(_member(path, archive, "META-INF/container.xml"))
        roots = [e.get("full-path", "") for e in container.iter() if e.tag.rsplit("}", 1)[-1] == "rootfile"]
        if not roots:
            raise ScoreError(str(path), expected="a container with a rootfile", got="none", remedy="export it again")
        return _member(path, archive, roots[0])


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    """Read one member up to the limit, because its declared size may be wrong."""
    with archive.open(name) as member:
        data = member.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ScoreError(str(path), expected=f"at most {MAX_BYTES} bytes unpacked", got="more", remedy="do not open it")
    return data


def _part(part: Part) -> PartNotes:
    rows = [(*row, -1) for row in _part_notes(part)]
    return PartNotes(id=part.id, name=part.part_name or "", abbreviation=part.part_abbreviation or "", notes=rows)


def _part_notes(part: Part) -> list[Row]:
    """Return rows (onset, duration, pitch, velocity) in quarters, tied notes merged."""
    table = part.note_array()
    quarter = part.quarter_map
    onset = quarter(table["onset_div"])
    end = quarter(table["onset_div"] + table["duration_div"])
    return [(float(a), float(b - a), int(p), 64) for a, b, p in zip(onset, end, table["pitch"], strict=True)]


def _part_tempi(part: Part) -> list[tuple[float, float]]:
    """Return (quarter, quarters a minute) of each metronome mark."""
    marks = part.iter_all(Tempo)
    return [(float(part.quarter_map(m.start.t)), 6e7 / m.microseconds_per_quarter) for m in marks if m.bpm]


def _part_bars(part: Part) -> list[tuple[float, int]]:
    """Return (quarter, printed number) of each bar as played."""
    rows, number = [], 0
    for measure in part.iter_all(Measure):
        name = str(measure.name or "")
        number = int(name) if name.isdecimal() and len(name) < 9 else (measure.number or number + 1)
        rows.append((float(part.quarter_map(measure.start.t)), number))
    return rows


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
