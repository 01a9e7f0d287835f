"""Tempo: `<sound tempo>` and `<metronome>` in any beat unit, as quarters a minute."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple
from xml.etree.ElementTree import Element

from engine.score.musicxml.normal import exact_number

__all__ = ["NOTE_TYPES", "TempoMark", "tempo_mark"]

NOTE_TYPES = {
    "maxima": Fraction(32),
    "long": Fraction(16),
    "breve": Fraction(8),
    "whole": Fraction(4),
    "half": Fraction(2),
    "quarter": Fraction(1),
    **{f"{2**n}{'nd' if n == 5 else 'th'}": Fraction(4, 2**n) for n in range(4, 11)},
    "eighth": Fraction(1, 2),
}
RANGE = re.compile(r"(\d+(?:[.,]\d+)?)(?:\s*(?:[-–—/]|to|bis|à|a)\s*(\d+(?:[.,]\d+)?))?")


class TempoMark(NamedTuple):
    """Quarters a minute, or a factor on the tempo before; whether it is meant for playback (`<sound>`)."""

    bpm: float = 0.0
    factor: float = 0.0
    played: bool = False


def tempo_mark(element: Element) -> TempoMark | None:
    """Return the tempo that a `<direction>` or `<sound>` gives, or None; a `<sound>` counts before a `<metronome>`."""
    sounds = [element] if element.tag == "sound" else element.findall("sound")
    for sound in sounds:
        if bpm := _per_minute(sound.get("tempo", "")):
            return TempoMark(bpm=bpm, played=True)
    marks = (_metronome(mark) for mark in element.iter("metronome"))
    return next((mark for mark in marks if mark is not None), None)


def _metronome(mark: Element) -> TempoMark | None:
    units = _beat_units(mark)
    if len(units) == 1 and (per_minute := _per_minute(mark.findtext("per-minute", ""))):
        return TempoMark(bpm=per_minute * float(units[0]))
    if len(units) == 2:  # one beat before is one of the other from here on
        return TempoMark(factor=float(units[1] / units[0]))
    return None


def _beat_units(mark: Element) -> list[Fraction]:
    """Return the length of each beat unit with its dots, quarters."""
    units: list[Fraction] = []
    grown = Fraction(0)
    for child in mark:
        if child.tag == "beat-unit":
            units.append(NOTE_TYPES.get((child.text or "").strip(), Fraction(1)))
            grown = units[-1]
        elif child.tag == "beat-unit-dot" and units:
            grown /= 2
            units[-1] += grown
    return units


def _per_minute(text: str) -> float:
    """Return the number in "72", "c. 72", "72,5"; the middle of "60-72"; 0 where there is none.

    >>> [_per_minute(text) for text in ("ca. 72", "= 72,5", "60-72", "")]
    [72.0, 72.5, 66.0, 0.0]
    """
    found = RANGE.search(text)
    if not found:
        return 0.0
    low, high = exact_number(found[1]), exact_number(found[2] or found[1])
    return float((low + high) / 2) if low is not None and high is not None else 0.0
