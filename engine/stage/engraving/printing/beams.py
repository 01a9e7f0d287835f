"""Beam notes by the beats, where a part has no beams; and stems where two voices share a staff."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from statistics import fmean

from engine.score.musicxml.pitch import STEPS
from engine.score.musicxml.tempo import NOTE_TYPES
from engine.score.parts import beat_length
from engine.stage.engraving.printing.lengths import beamable, ratio_of
from engine.stage.engraving.printing.timeline import Metre, PartLine, PlacedNote, PrintedBar, put

__all__ = ["add_beams", "add_stems", "beam_windows"]

QUARTER, EIGHTH = Fraction(1), Fraction(1, 2)
ODD_GROUPS = {5: (3, 2), 7: (4, 3), 8: (3, 3, 2), 10: (3, 3, 2, 2), 11: (3, 3, 3, 2)}  # of eighths


def add_beams(line: PartLine) -> None:
    """Beam eighths and shorter notes; not in a part that has beams, nor in one that is sung."""
    if line.has("beam") or line.has("lyric"):
        return
    for bar in line.bars:
        for notes in bar.voices().values():
            for group in _groups([note for note in notes if not note.chord], bar, line.divisions):
                _beam(group)
            for group in _grace_groups(notes):
                _beam(group)


def _beam(group: Sequence[PlacedNote]) -> None:
    if len(group) < 2:
        return
    for i, note in enumerate(group):
        kind = "begin" if i == 0 else "end" if i == len(group) - 1 else "continue"
        put(note.element, "beam", kind, number="1")


def _written(note: PlacedNote) -> Fraction:
    """Return the length of a note's type, quarters; that of a quarter where it has none."""
    return NOTE_TYPES.get((note.element.findtext("type") or "").strip(), QUARTER)


def _grace_groups(notes: Sequence[PlacedNote]) -> Iterator[list[PlacedNote]]:
    """Yield grace notes that follow each other and are short enough for a beam."""
    group: list[PlacedNote] = []
    for note in notes:
        if note.grace and note.chord:
            continue
        if note.grace and beamable(note) and (not group or group[-1].at == note.at):
            group.append(note)
            continue
        yield group
        group = [note] if note.grace and beamable(note) else []
    yield group


def _groups(notes: Sequence[PlacedNote], bar: PrintedBar, divisions: int) -> Iterator[list[PlacedNote]]:
    """Yield the notes under each beam: first by wide windows, where all are eighths, else by beats."""
    metre = bar.metre or Metre((4,), 4)
    shift = max(int(metre.quarters * divisions) - bar.length, 0) if bar.upbeat else 0
    wide, narrow = ([round(each * divisions) for each in windows] for windows in beam_windows(metre))
    runs = _runs([note for note in notes if not note.grace], wide, shift)
    for run in runs:
        if all(_written(note) == EIGHTH and ratio_of(note) == (1, 1) for note in run):
            yield run
        else:
            for beat in _runs(run, narrow, shift):
                yield from _whole_tuplets(beat)


def _whole_tuplets(run: Sequence[PlacedNote]) -> Iterator[list[PlacedNote]]:
    """Yield the notes of a beam; one that begins or ends inside a tuplet ends with it."""
    marks = [note.element.find("notations/tuplet") for note in run]
    kinds = [None if mark is None else mark.get("type") for mark in marks]
    edges = [kind for kind in kinds if kind is not None]
    if not edges or (edges[0] == "start" and edges[-1] == "stop"):
        yield list(run)
        return
    group: list[PlacedNote] = []
    for note, kind in zip(run, kinds, strict=True):
        if kind == "start" and group:
            yield group
            group = []
        group.append(note)
        if kind == "stop":
            yield group
            group = []
    if group:
        yield group


def _runs(notes: Sequence[PlacedNote], windows: Sequence[int], shift: int) -> Iterator[list[PlacedNote]]:
    """Yield notes that follow each other in one window, all short enough for a beam."""
    run: list[PlacedNote] = []
    window = -1
    for note in notes:
        inside = sum(1 for start in windows if start <= note.at + shift)
        fits = beamable(note)
        joined = bool(run) and run[-1].end == note.at and run[-1].staff == note.staff and inside == window
        if run and not (fits and joined):
            yield run
            run = []
        if fits:
            run.append(note)
            window = inside
    if run:
        yield run


def beam_windows(metre: Metre) -> tuple[list[Fraction], list[Fraction]]:
    """Return where beams of eighths alone, and where others begin anew, quarters.

    >>> [[str(each) for each in windows] for windows in beam_windows(Metre((4,), 4))]
    [['0', '2'], ['0', '1', '2', '3']]
    """
    count, unit = sum(metre.beats), metre.unit
    if len(metre.beats) > 1 or (unit >= 8 and count in ODD_GROUPS):
        groups = metre.beats if len(metre.beats) > 1 else ODD_GROUPS[count]
        starts = [Fraction(4 * sum(groups[:i]), unit) for i in range(len(groups))]
        return starts, starts
    beat = beat_length(count, unit)
    length = metre.quarters
    if unit >= 8 and length <= Fraction(3, 2):
        beat = length  # 3/8, 2/8: one beam a bar
    elif beat < QUARTER and not length % QUARTER:
        beat = QUARTER
    wide = beat if beat.numerator == 3 and unit >= 8 else length if length <= 3 else Fraction(2)
    return _every(wide, length), _every(min(beat, QUARTER) if unit < 8 else beat, length)


def _every(step: Fraction, length: Fraction) -> list[Fraction]:
    return [i * step for i in range(max(int(-(-length // step)), 1))]


def add_stems(line: PartLine) -> None:
    """Turn stems of the upper voice up and of the lower down, where two or more sound together on one staff."""
    if line.has("stem"):
        return
    for bar in line.bars:
        for staff in range(1, line.n_staves + 1):
            _turn_stems([note for note in bar.notes if note.staff == staff and not note.rest])


def _turn_stems(notes: Sequence[PlacedNote]) -> None:
    voices: dict[str, list[PlacedNote]] = {}
    for note in notes:
        voices.setdefault(note.voice, []).append(note)
    if len(voices) < 2:
        return
    ranked = sorted(voices.values(), key=lambda each: fmean(map(_height, each)), reverse=True)
    for rank, own in enumerate(ranked):
        others = [note for note in notes if note.voice != own[0].voice]
        for group in _stem_groups(own):
            if any(one.at < other.end and other.at < one.end for one in group for other in others):
                for note in group:
                    put(note.element, "stem", "up" if rank == 0 or (rank == 1 and len(ranked) > 3) else "down")


def _stem_groups(notes: Sequence[PlacedNote]) -> Iterator[list[PlacedNote]]:
    """Yield notes whose stems go the same way: those under a beam, the others with their chord."""
    group: list[PlacedNote] = []
    open_beam = False
    for note in notes:
        if group and not open_beam and not note.chord:
            yield group
            group = []
        group.append(note)
        beam = (note.element.findtext("beam[@number='1']") or "").strip()
        open_beam = (open_beam or beam == "begin") and beam != "end"
    if group:
        yield group


def _height(note: PlacedNote) -> float:
    """Return the MIDI number of a written pitch without its accidental; of what has none a middle one."""
    pitch = note.element.find("pitch")
    if pitch is None:
        return 60.0
    octave = (pitch.findtext("octave") or "4").strip()
    return STEPS.get((pitch.findtext("step") or "C").strip(), 0) + 12.0 * (int(octave) if octave.isdecimal() else 4)
