"""Sounding pitch: what is written, transposed as the instrument does."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple
from xml.etree.ElementTree import Element

from engine.core.errors import ScoreError
from engine.score.musicxml.normal import exact_number

__all__ = ["Transposition", "transposition", "written_pitch"]

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SCALE = (0, 2, 4, 5, 7, 9, 11)
OCTAVE = 12
ACCIDENTALS = {  # semitones, for notes that have the sign but no <alter>
    "sharp": "1",
    "natural": "0",
    "flat": "-1",
    "double-sharp": "2",
    "sharp-sharp": "2",
    "flat-flat": "-2",
    "natural-sharp": "1",
    "natural-flat": "-1",
    "quarter-sharp": "0.5",
    "quarter-flat": "-0.5",
    "three-quarters-sharp": "1.5",
    "three-quarters-flat": "-1.5",
}


class Transposition(NamedTuple):
    """Semitones from written to sounding pitch, and semitones to a second note that sounds with each (0: none)."""

    semitones: int = 0
    doubled: int = 0


def written_pitch(where: str, note: Element) -> int:
    """Return the MIDI number of a `<pitch>` as written; quarter tones are rounded up. Raises ScoreError for others."""
    pitch = note.find("pitch")
    assert pitch is not None
    step, octave = (pitch.findtext("step") or "").strip().upper(), exact_number(pitch.findtext("octave"))
    told = pitch.findtext("alter") or ACCIDENTALS.get((note.findtext("accidental") or "").strip(), "0")
    alter = exact_number(told)
    if step not in STEPS or octave is None or alter is None or abs(alter) > OCTAVE or abs(octave) > OCTAVE:
        got = " ".join(f"{each.tag} {(each.text or '').strip()[:9]!r}" for each in pitch)
        raise ScoreError(where, expected="a pitch", got=got or "an empty one", remedy="export the score again")
    return _number(step, octave, alter)


@lru_cache(maxsize=4096)
def _number(step: str, octave: Fraction, alter: Fraction) -> int:
    return math.floor(STEPS[step] + OCTAVE * (octave + 1) + alter + 0.5)


def transposition(element: Element) -> Transposition:
    """Return what a `<transpose>` says.

    Clefs transpose nothing: in MusicXML `<pitch>` under an octave clef is already in its octave.
    """
    octaves = math.floor(exact_number(element.findtext("octave-change")) or 0)
    chromatic = exact_number(element.findtext("chromatic"))
    if chromatic is None:  # required, but some leave it out: the major or perfect interval of the steps
        octave, step = divmod(math.floor(exact_number(element.findtext("diatonic")) or 0), len(SCALE))
        semitones = OCTAVE * octave + SCALE[step]
        if octave < 0 and step:  # intervals downwards are major or perfect too
            semitones = -(-OCTAVE * (octave + 1) + SCALE[len(SCALE) - step])
    else:
        semitones = math.floor(chromatic)
    double = element.find("double")
    doubled = 0 if double is None else (OCTAVE if double.get("above") == "yes" else -OCTAVE)
    return Transposition(semitones + OCTAVE * octaves, doubled)
