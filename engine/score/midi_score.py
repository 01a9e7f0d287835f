"""Make the draft of a score of a MIDI file: notes without drums, bars by its time signatures, tempi."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from engine.score.midi_song import MidiSong, parse_midi_song
from engine.score.parts import PartNotes, ScoreDraft, beat_length
from engine.score.score import MAX_QUARTERS

__all__ = ["midi_draft"]

SHORTEST_BAR = 0.25  # quarters: a shorter bar means a broken file
NO_ID = -1


def midi_draft(path: Path, data: bytes) -> ScoreDraft:
    """Return what the bytes of a MIDI file hold; a part is a track, in file order. ScoreError if there are no notes."""
    song = parse_midi_song(str(path), data)
    notes, quarter = song.melodic(str(path)), song.ticks_per_quarter
    bars = _bars(song, float(notes["end"].max()) / quarter)
    return ScoreDraft(
        where=str(path),
        name=path.stem,
        parts=[_part(song, notes[notes["track"] == track], int(track)) for track in np.unique(notes["track"])],
        bars=[(start, number, number) for number, (start, _) in enumerate(bars, start=1)],
        beats=[beat for _, beat in bars],
        tempi=[(tick / quarter, bpm) for tick, bpm in song.tempi],
        notices=song.notices,
    )


def _part(song: MidiSong, notes: np.ndarray, track: int) -> PartNotes:
    onset, end = notes["onset"] / song.ticks_per_quarter, notes["end"] / song.ticks_per_quarter
    columns = (onset, end - onset, notes["pitch"], notes["velocity"])
    rows = [(*row, NO_ID) for row in zip(*(column.tolist() for column in columns), strict=True)]
    pedal = [(tick / song.ticks_per_quarter, value) for tick, value in song.pedals[track]]
    return PartNotes(id=str(track + 1), name=song.names[track], program=song.programs[track], notes=rows, pedal=pedal)


def _bars(song: MidiSong, end: float) -> list[tuple[float, float]]:
    """Return (quarter, length of a beat) of each bar from the time signatures up to the end of the last note."""
    end = min(end, MAX_QUARTERS)
    marks = [
        (tick / song.ticks_per_quarter, 4.0 * beats / unit, float(beat_length(beats, unit)))
        for tick, beats, unit in song.metres
    ]
    changes = [mark for mark in marks if mark[1] >= SHORTEST_BAR and mark[0] < end]
    bars: list[tuple[float, float]] = []
    for (start, length, beat), (stop, *_) in pairwise([*changes, (end, 0.0, 0.0)]):
        bars.extend((float(quarter), beat) for quarter in np.arange(start, stop - 1e-9, length))
    return bars or [(0.0, 1.0)]
