"""Write accidentals by key and bar, where a part has none."""

from __future__ import annotations

from fractions import Fraction

from engine.score.musicxml.normal import exact_number
from engine.stage.engraving.printing.timeline import PartLine, PlacedNote, PrintedBar, put

__all__ = ["add_accidentals"]

SHARPS = "FCGDAEB"  # in the order in which a key takes them
SIGNS = {
    Fraction(2): "double-sharp",
    Fraction(3, 2): "three-quarters-sharp",
    Fraction(1): "sharp",
    Fraction(1, 2): "quarter-sharp",
    Fraction(0): "natural",
    Fraction(-1, 2): "quarter-flat",
    Fraction(-1): "flat",
    Fraction(-3, 2): "three-quarters-flat",
    Fraction(-2): "flat-flat",
}
ALL_STAVES = 0
Place = tuple[int, str, str]  # staff, step, octave


def add_accidentals(line: PartLine) -> None:
    """Give notes their accidentals: what neither the key nor the bar before them says. Tied notes need none."""
    if line.has("accidental"):
        return
    for bar in line.bars:
        said: dict[Place, Fraction] = {}
        for note in sorted(bar.notes, key=lambda note: note.at):
            if note.element.find("pitch") is not None:
                _add(note, bar, said)


def _add(note: PlacedNote, bar: PrintedBar, said: dict[Place, Fraction]) -> None:
    step, octave, alter = (
        (note.element.findtext(f"pitch/{each}") or "").strip() for each in ("step", "octave", "alter")
    )
    sounding = exact_number(alter or "0")
    if sounding not in SIGNS or _tied(note):
        return
    place = (note.staff, step, octave)
    if said.get(place, _by_key(step, note, bar)) != sounding:
        put(note.element, "accidental", SIGNS[sounding])
        said[place] = sounding


def _tied(note: PlacedNote) -> bool:
    """Return whether a tie leads to a note."""
    ties = (*note.element.findall("tie"), *note.element.findall("notations/tied"))
    return any(each.get("type") in ("stop", "continue") for each in ties)


def _by_key(step: str, note: PlacedNote, bar: PrintedBar) -> Fraction:
    """Return how far the key alters a step."""
    fifths = bar.fifths.get(note.staff, bar.fifths.get(ALL_STAVES, 0))
    for at, staff, changed in bar.changes:
        if at <= note.at and staff in (ALL_STAVES, note.staff):
            fifths = changed
    place = SHARPS.find(step)
    if fifths >= 0:
        return Fraction((fifths + 6 - place) // 7)
    return Fraction(-((-fifths + place) // 7))
