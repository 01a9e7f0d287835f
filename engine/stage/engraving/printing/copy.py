"""The copy of a score that is made for print, and where each of its notes is in it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from engine.core.errors import ScoreError
from engine.score.musicxml.bars import PartBar, read_part
from engine.score.musicxml.layout import WholeBar, whole_bars
from engine.score.musicxml.normal import normalise
from engine.score.musicxml.source import musicxml_root
from engine.stage.engraving.pages import NOWHERE, PrintedPlaces
from engine.stage.engraving.printing.accidentals import add_accidentals
from engine.stage.engraving.printing.beams import add_beams, add_stems
from engine.stage.engraving.printing.curves import mend_slurs, mend_ties
from engine.stage.engraving.printing.lengths import add_lengths, add_tuplets
from engine.stage.engraving.printing.names import add_clefs, end_line, shorten_names
from engine.stage.engraving.printing.rests import add_rests
from engine.stage.engraving.printing.texts import mend_texts
from engine.stage.engraving.printing.timeline import PartLine, read_line
from engine.stage.engraving.printing.writer import xml_bytes

__all__ = ["PrintedScore", "printed_score"]


class PrintedScore(NamedTuple):
    """A score made for print.

    data: MusicXML, with ids as in the Score
    bar_ids: (bar) id of an element in it
    """

    data: bytes
    places: PrintedPlaces
    bar_ids: list[str]


def printed_score(where: str, data: bytes, first_bars: int | None = None) -> PrintedScore:
    """Return a MusicXML score, compressed or not, made for print; ScoreError for what cannot be read.

    first_bars: leave all later bars out
    """
    root = musicxml_root(where, data)
    normalise(where, root)
    n_notes = sum(1 for _ in root.iter("note"))
    if first_bars is not None:
        _cut_after(root, first_bars)
    listed = {entry.get("id", ""): entry for entry in root.iter("score-part")}
    parts = [read_part(where, part, listed.get(part.get("id", "")))[0] for part in root.findall("part")]
    bars = whole_bars(parts)
    places = _places(n_notes, parts, bars)
    bar_ids = _bar_ids(root, len(bars))
    lines = [read_line(part, bars) for part in root.findall("part")]
    for line in lines:
        _mend(line)
    mend_texts(lines)
    shorten_names(root)
    try:
        text = xml_bytes(root)
    except RecursionError as error:
        raise ScoreError(where, expected="MusicXML", got="elements nested a thousand deep") from error
    return PrintedScore(text, places, bar_ids)


def _cut_after(root: Element, n_bars: int) -> None:
    for part in root.findall("part"):
        for measure in part.findall("measure")[n_bars:]:
            part.remove(measure)


def _mend(line: PartLine) -> None:
    """Mend a part; rests first, for what follows is about all that stands in a bar."""
    add_clefs(line)
    add_lengths(line)
    add_rests(line)
    add_tuplets(line)
    add_accidentals(line)
    add_beams(line)
    add_stems(line)
    mend_ties(line)
    mend_slurs(line)
    end_line(line)


def _places(n_notes: int, parts: Sequence[Sequence[PartBar]], bars: Sequence[WholeBar]) -> PrintedPlaces:
    starts = list(accumulate((bar.length for bar in bars), initial=Fraction(0)))
    note_bar, note_quarter = np.full(n_notes, NOWHERE), np.full(n_notes, np.nan)
    for part in parts:
        for index, bar in enumerate(part):
            for note in bar.notes:
                if note_bar[note.id] == NOWHERE:  # a bar that repeats another has its notes
                    note_bar[note.id], note_quarter[note.id] = index, float(starts[index] + note.start)
    return PrintedPlaces(note_bar, note_quarter, np.array([bar.number for bar in bars], dtype=np.int64))


def _bar_ids(root: Element, n_bars: int) -> list[str]:
    """Give every measure an id; return one a bar, of the first part that has it."""
    ids = [""] * n_bars
    for number, part in enumerate(root.findall("part")):
        for index, measure in enumerate(part.findall("measure")):
            measure.set("id", f"cm{number}-{index}")
            ids[index] = ids[index] or f"cm{number}-{index}"
    return ids
