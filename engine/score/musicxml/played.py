"""A MusicXML file as it is played: all parts in one order of bars, with ties, bar numbers and tempi."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, tostring

from engine.core.errors import ScoreError
from engine.score.form import Remark
from engine.score.musicxml.bars import PartBar, WrittenNote, read_part
from engine.score.musicxml.dynamics import set_velocities
from engine.score.musicxml.layout import Section, WholeBar, read_form, whole_bars
from engine.score.musicxml.marks import PlayedStep, played_pedal, played_rehearsals, played_tempi
from engine.score.musicxml.normal import normalise
from engine.score.musicxml.source import musicxml_root
from engine.score.parts import NoteRow, PartNotes, ScoreDraft
from engine.score.play_order import play_order
from engine.score.score import DEFAULT_BPM, MAX_NOTES

__all__ = ["normalised_musicxml", "played_musicxml"]

SAME_MOMENT = 1e-6  # quarters
TITLES = ("work/work-title", "movement-title")
LONGEST_TITLE = 120  # characters
MOST_REMARKS = 4  # that are said one by one


def normalised_musicxml(where: str, data: bytes) -> bytes:
    """Return the score with an id on every note, `cp` and the number that `Score.note_id` has, for an engraver."""
    root = musicxml_root(where, data)
    normalise(where, root)
    try:
        return tostring(root, encoding="utf-8", xml_declaration=True)
    except RecursionError as error:
        raise ScoreError(where, expected="MusicXML", got="elements nested a thousand deep") from error


def played_musicxml(path: Path, data: bytes, *, repeats_after_jump: bool = False) -> ScoreDraft:
    """Read the bytes of a MusicXML file, compressed or not; raise ScoreError for what cannot be read.

    repeats_after_jump: take repeats again after a D.C. or D.S.
    """
    where = str(path)
    root = musicxml_root(where, data)
    notices = normalise(where, root)
    listed = {entry.get("id", ""): entry for entry in root.iter("score-part")}
    elements = root.findall("part")
    read = [read_part(where, part, listed.get(part.get("id", ""))) for part in elements]
    parts = [bars for bars, _ in read]
    bars = whole_bars(parts)
    for part in parts:
        set_velocities(part, [bar.length for bar in bars])
    form, sections, guessed = read_form(parts, bars)
    order, remarks = play_order(form, repeats_after_jump=repeats_after_jump)
    steps = _steps(sections, order)
    _refuse_too_many(where, parts, sections, order)
    found = [
        replace(
            _listed_part(listed[element.get("id", "")]),
            notes=_notes(part, sections, steps),
            fermatas=_fermatas(part, sections, steps),
            pedal=played_pedal(part, bars, sections, steps),
            gates={note.id: note.gate for bar in part for note in bar.notes if note.gate < 1},
        )
        for element, part in zip(elements, parts, strict=True)
    ]
    tempi = played_tempi(parts, bars, sections, steps)
    notices += [*guessed, *_said(remarks, sections, bars), *_left_out(where, found, [n for _, n in read])]
    if not tempi:
        notices.append(f"no tempo is told: read as {DEFAULT_BPM:g} quarters a minute")
    played = _played_bars(bars, sections, steps)
    return ScoreDraft(
        where=where,
        name=path.stem,
        title=_title(root),
        parts=found,
        bars=[row[:3] for row in played],
        beats=[row[3] for row in played],
        tempi=tempi,
        marks=played_rehearsals(parts, bars, sections, steps),
        notices=tuple(notices),
    )


def _title(root: Element) -> str:
    """Return the title of a piece, with that of its movement; empty where none is told."""
    work, movement = (" ".join((root.findtext(tag) or "").split()) for tag in TITLES)
    if work in movement or movement in work:
        return max(work, movement, key=len)[:LONGEST_TITLE]
    return f"{work}: {movement}"[:LONGEST_TITLE]


def _listed_part(entry: Element) -> PartNotes:
    """Return a part without its notes: what the list of parts says of it."""
    name, short = (" ".join((entry.findtext(tag) or "").split()) for tag in ("part-name", "part-abbreviation"))
    return PartNotes(id=entry.get("id", ""), name=name, abbreviation=short, program=_program(entry))


def _program(entry: Element) -> int | None:
    """Return the first MIDI program of a part, counted from 0; None where there is none."""
    told = [(each.text or "").strip() for each in entry.iter("midi-program")]
    numbers = [int(text) - 1 for text in told if text.isdecimal() and len(text) < 4]
    return next((number for number in numbers if 0 <= number <= 127), None)


def _steps(sections: Sequence[Section], order: Sequence[int]) -> list[PlayedStep]:
    quarter, steps = Fraction(0), []
    for section in order:
        steps.append(PlayedStep(float(quarter), section))
        quarter += sections[section].end - sections[section].start
    return steps


def _refuse_too_many(where: str, parts: list[list[PartBar]], sections: list[Section], order: list[int]) -> None:
    """Count the notes as played before they are made."""
    size = [sum(len(part[section.bar].notes) for part in parts if section.bar < len(part)) for section in sections]
    if (n := sum(size[section] for section in order)) > MAX_NOTES * 2:
        remedy = "check the number of times in its repeats"
        raise ScoreError(where, expected=f"at most {MAX_NOTES} notes as played", got=str(n), remedy=remedy)


def _notes(part: list[PartBar], sections: list[Section], steps: list[PlayedStep]) -> list[NoteRow]:
    """Return the notes of a part as played; notes that are tied where they are played are one."""
    inside = _inside(part, sections)
    rows: list[NoteRow] = []
    ties = _Ties({}, {})
    for quarter, section in steps:
        start = sections[section].start
        for note in inside[section]:
            onset = quarter + float(note.start - start)
            row = ties.before(rows, note, onset) if note.tied_from else -1
            if row < 0:
                row = len(rows)
                rows.append((onset, float(note.duration), note.pitch, note.velocity, note.id))
            else:
                first = rows[row]
                rows[row] = (first[0], onset + float(note.duration) - first[0], *first[2:])
            if note.tied_to:
                ties.begin(note, row)
    return rows


def _inside(part: list[PartBar], sections: list[Section]) -> list[list[WrittenNote]]:
    """Return the notes that begin in each section; the last of a bar takes those at its end too (grace notes)."""
    out = []
    for section, following in zip_longest(sections, sections[1:]):
        notes = part[section.bar].notes if section.bar < len(part) else []
        last = following is None or following.bar != section.bar
        chosen = [note for note in notes if section.start <= note.start and (last or note.start < section.end)]
        out.append(sorted(chosen, key=lambda note: note.start))
    return out


def _fermatas(part: list[PartBar], sections: list[Section], steps: list[PlayedStep]) -> list[float]:
    """Return where a part has fermatas as played, quarters."""
    places: set[float] = set()
    for quarter, number in steps:
        section = sections[number]
        inside = part[section.bar].fermatas if section.bar < len(part) else []
        places |= {quarter + float(at - section.start) for at in inside if section.start <= at < section.end}
    return sorted(places)


class _Ties(NamedTuple):
    """Rows of notes from which a tie goes on, by voice and pitch, and the latest by pitch."""

    voices: dict[tuple[str, int], int]
    latest: dict[int, int]

    def begin(self, note: WrittenNote, row: int) -> None:
        """Note that a tie goes on from this note."""
        self.voices[note.voice, note.pitch] = self.latest[note.pitch] = row

    def before(self, rows: list[NoteRow], note: WrittenNote, onset: float) -> int:
        """Return the row whose tie ends at a note: of its voice, else the latest; -1 where none reaches it."""
        for row in (self.voices.get((note.voice, note.pitch), -1), self.latest.get(note.pitch, -1)):
            if row >= 0 and abs(rows[row][0] + rows[row][1] - onset) < SAME_MOMENT:
                return row
        return -1


def _played_bars(
    bars: list[WholeBar], sections: list[Section], steps: list[PlayedStep]
) -> list[tuple[float, int, int, float]]:
    """Return (quarter, printed number, place, beat) of each bar as played; entering one in its middle begins it too."""
    rows = []
    before = -1
    for quarter, number in steps:
        section = sections[number]
        if section.end > section.start and (section.start == 0 or number != before + 1):
            rows.append((quarter, bars[section.bar].number, number, float(bars[section.bar].beat)))
        before = number
    return rows


def _said(remarks: list[Remark], sections: list[Section], bars: list[WholeBar]) -> Iterator[str]:
    """Yield what was guessed in the form, with bar numbers."""
    for section, text in remarks[:MOST_REMARKS]:
        yield f"bar {bars[sections[section].bar].number}: {text}"
    if len(remarks) > MOST_REMARKS:
        yield f"and {len(remarks) - MOST_REMARKS} such readings more"


def _left_out(where: str, parts: list[PartNotes], unpitched: list[int]) -> Iterator[str]:
    """Yield what was left out; ScoreError if nothing is left."""
    n = sum(unpitched)
    if n and not any(part.notes for part in parts):
        got = f"drums alone ({n} unpitched notes)"
        raise ScoreError(where, expected="notes with a pitch", got=got, remedy="export it with its melodic parts")
    if n:
        names = ", ".join(part.label for part, count in zip(parts, unpitched, strict=True) if count)
        yield f"unpitched notes are left out: {n} of {names}"
