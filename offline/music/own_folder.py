"""Read a folder of a user's music, MIDI, ABC or MusicXML, into one corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from engine.core.errors import ScoreError, warn_about
from engine.score.midi_song import DRUM_CHANNEL, MIDI_SUFFIXES, read_midi_song
from engine.score.parts import ScoreDraft
from engine.score.readers import read_draft
from offline.music.abc_file import read_abc
from offline.music.codecs.abc import play
from offline.music.midi_file import piece_of_song
from offline.music.own_corpus import OwnCorpus, OwnPiece
from offline.music.piece import NOTE, Piece, make_notes

__all__ = ["SOURCES", "read_own", "read_song"]

SPQ = 4
NO_DRUMS = np.zeros(0, NOTE)
Reader = Callable[[Path, str], Iterator[OwnPiece]]


def _midi(path: Path, title: str) -> Iterator[OwnPiece]:
    song = read_midi_song(path)
    for notice in song.notices:
        warn_about(str(path), notice)
    drummed = song.notes["channel"] == DRUM_CHANNEL
    if not len(song.notes):
        raise ScoreError(str(path), expected="notes", got="none")
    whole = piece_of_song(song, song.notes, str(path), SPQ)
    drums = piece_of_song(song, song.notes[drummed], str(path), SPQ).notes if drummed.any() else NO_DRUMS
    if drummed.all():
        yield OwnPiece(title=title, piece=replace(whole, notes=NO_DRUMS, names=()), drums=drums)
        return
    pitched = song.notes[~drummed]
    parts = np.unique(pitched["track"].astype(np.int64) * 16 + pitched["channel"])
    programs = tuple(song.programs[part // 16] for part in parts)
    piece = replace(piece_of_song(song, pitched, str(path), SPQ), n_steps=whole.n_steps)
    yield OwnPiece(title=title, piece=piece, drums=drums, programs=programs)


def _abc(path: Path, title: str) -> Iterator[OwnPiece]:
    for number, tokens, why in read_abc(path):
        if why:
            warn_about(f"{path}, tune {number}", f"left out: it has {why}")
            continue
        fine = play(tokens)
        if len(fine.notes):
            yield OwnPiece(title=f"{title}.{number}", piece=_coarse(fine), drums=NO_DRUMS, tokens=tuple(tokens))


def _coarse(piece: Piece) -> Piece:
    """Return a piece on the sixteenth grid."""
    step, notes = piece.steps_per_quarter / SPQ, piece.notes.copy()
    ends = np.rint((notes["onset"] + notes["duration"]) / step)
    notes["onset"] = np.rint(notes["onset"] / step)
    notes["duration"] = np.maximum(ends - notes["onset"], 1)
    last = int((notes["onset"] + notes["duration"]).max())
    return replace(piece, notes=notes, steps_per_quarter=SPQ, n_steps=max(round(piece.n_steps / step), last))


def _musicxml(path: Path, title: str) -> Iterator[OwnPiece]:
    draft = read_draft(path)
    for notice in draft.notices:
        warn_about(str(path), notice)
    start, rows, fermatas = draft.bars[0][0] if draft.bars else draft.start, [], set()
    parts = [part for part in draft.parts if part.notes]
    if not parts:
        raise ScoreError(str(path), expected="notes", got="none")
    for voice, part in enumerate(parts):
        for onset, duration, pitch, _, _ in part.notes:
            first = round((onset - start) * SPQ)
            rows.append((first, max(round((onset + duration - start) * SPQ) - first, 1), pitch, voice))
        fermatas |= {round((quarter - start) * SPQ) for quarter in part.fermatas}
    notes = make_notes([row for row in rows if row[0] >= 0])
    n_steps = int((notes["onset"] + notes["duration"]).max())
    beats, unit, pickup = _metre(draft)
    piece = Piece(
        notes=notes,
        n_steps=n_steps,
        beats_per_bar=beats,
        beat_unit=unit,
        pickup=pickup,
        tempo_bpm=draft.tempi[0][1] if draft.tempi else 100.0,
        fermatas=np.array(sorted(at for at in fermatas if 0 <= at < n_steps), np.int32),
        names=tuple(part.name for part in parts),
    )
    yield OwnPiece(title=title, piece=piece, drums=NO_DRUMS, programs=tuple(part.program for part in parts))


def _metre(draft: ScoreDraft) -> tuple[int, int, int]:
    """Return the commonest bar's beats and unit, and the sixteenths of an upbeat."""
    starts = [bar[0] for bar in draft.bars]
    lengths = np.rint(SPQ * np.diff(starts)).astype(int)
    lengths = lengths[lengths > 0]
    if not len(lengths):
        return 4, 4, 0
    bar = int(np.bincount(lengths).argmax())
    quarters = Fraction(bar, SPQ)
    beats, unit = (int(quarters), 4) if quarters.denominator == 1 else (bar // 2, 8) if bar % 2 == 0 else (bar, 16)
    return beats, unit, int(lengths[0]) if lengths[0] < bar else 0


SOURCES: dict[str, tuple[tuple[str, ...], Reader]] = {
    "midi": (MIDI_SUFFIXES, _midi),
    "abc": ((".abc",), _abc),
    "musicxml": ((".musicxml", ".xml", ".mxl"), _musicxml),
}


def read_song(path: Path) -> OwnPiece:
    """Read one MIDI file with its instruments and drums."""
    return next(_midi(path, path.name))


def read_own(folder: Path, source: str, licence: str) -> OwnCorpus:
    """Read every file of that kind in a folder and below; a warning names each that cannot be read."""
    suffixes, read = SOURCES[source]
    pieces: list[OwnPiece] = []
    paths = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in suffixes and not p.name.startswith(".")]
    for path in paths:
        try:
            pieces += read(path, path.relative_to(folder).as_posix())
        except ScoreError as error:
            warn_about(error.where, f"left out: expected {error.expected}, got {error.got}")
    if not pieces:
        got = f"{len(paths)} that cannot be read" if paths else f"none ({', '.join(suffixes)})"
        raise ScoreError(str(folder), expected=f"{source} files", got=got)
    return OwnCorpus(source=source, licence=licence, pieces=tuple(pieces))
