"""The parts of a score file, and which of them are followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from engine.core.config import nearest
from engine.core.errors import ScoreError
from engine.score.instruments import PIANO, program_of_name
from engine.score.score import Score, make_score

__all__ = ["NoteRow", "PartNotes", "ScoreDraft", "beat_length", "chosen_parts", "finished_score"]

NoteRow = tuple[float, float, int, int, int]
SOLO = "solo"  # a part of this name is followed alone, unless others are named
SHORTEST_BEAT = Fraction(1, 8)  # quarters
ALL = "all"  # names every part, where none is called so


@dataclass(frozen=True, slots=True, kw_only=True)
class PartNotes:
    """A part as a reader gives it.

    id: as the file has it, such as P1
    name, abbreviation: as printed; may be empty
    program: General MIDI instrument from 0 that the file gives it, None where it gives none
    notes: rows (onset, duration, pitch, velocity, id), quarters from an origin that all parts share, repeats played
        out; the id is -1 where the file has none
    fermatas: where its notes and rests under one begin, quarters from the same origin
    pedal: (quarter, value of the sustain pedal from there on), 0 to 127
    gates: share of its length that a note sounds, by id, where that is not the whole
    """

    id: str
    name: str = ""
    abbreviation: str = ""
    program: int | None = None
    notes: list[NoteRow] = field(default_factory=list)
    fermatas: list[float] = field(default_factory=list)
    pedal: Sequence[tuple[float, int]] = ()
    gates: Mapping[int, float] = field(default_factory=dict)

    @property
    def instrument(self) -> int:
        """Return the program that plays it: the file's own, else what its name or abbreviation means, else a piano."""
        named = (self.program, program_of_name(self.name), program_of_name(self.abbreviation))
        return next((program for program in named if program is not None), PIANO)

    @property
    def label(self) -> str:
        """Return name and id, as messages and `--list-parts` show them."""
        return f"{self.name} ({self.id})" if self.name else self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreDraft:
    """What a reader finds in a file, before the parts to follow are chosen.

    where: the file
    title: of the piece, as the file tells it; may be empty
    bars: (quarter, printed number, place), where bars at the same place of the print are the same bar
    beats: length of the beats of each bar, quarters
    tempi: (quarter, quarters a minute from there on)
    marks: (quarter, text) of rehearsal marks, in order
    notices: what the user should know, one line each
    loop: as in `Score`
    """

    where: str
    name: str
    parts: list[PartNotes]
    title: str = ""
    bars: Sequence[tuple[float, int, int]] = ()
    beats: Sequence[float] = ()
    tempi: Sequence[tuple[float, float]] = ()
    marks: Sequence[tuple[float, str]] = ()
    notices: tuple[str, ...] = ()
    loop: tuple[float, int] = (0.0, 1)

    @property
    def start(self) -> float:
        """Return the first note of any part, which is quarter 0 of a Score."""
        return min((row[0] for part in self.parts for row in part.notes), default=0.0)


def beat_length(beats: int, unit: int) -> Fraction:
    """Return the length of a beat of a time signature, quarters: three of its units in 6/8, 9/8, 12/8 and the like."""
    compound = beats > 3 and beats % 3 == 0 and unit >= 8
    return max(Fraction(12 if compound else 4, max(unit, 1)), SHORTEST_BEAT)


def finished_score(draft: ScoreDraft, wanted: Sequence[str] = ()) -> Score:
    """Return the Score of the wanted parts, or of the part Solo, or of all; quarter 0 is the first note of any part.

    Raises ScoreError for a part that is not there, and for a score or part without notes.
    """
    parts = chosen_parts(draft, wanted)
    notices = draft.notices
    if not wanted and len(parts) < len(draft.parts):
        said = f"follows {_listed(parts)} alone of {len(draft.parts)} parts; --part names others, or all"
        notices = (*notices, said)
    rows = [row for part in parts for row in part.notes]
    have = [part for part in draft.parts if part.notes]
    if not have:
        remedy = "export the score again with its notes"
        raise ScoreError(draft.where, expected="a score with notes", got="none", remedy=remedy)
    if not rows:
        raise ScoreError(draft.where, expected="a part with notes", got=_listed(parts), remedy=f"have {_listed(have)}")
    try:
        score = make_score(
            draft.name,
            [row[:4] for row in rows],
            bars=draft.bars,
            tempi=draft.tempi,
            start=draft.start,
            ids=[row[4] for row in rows],
            notices=notices,
            fermatas=_fermatas(parts, have),
            programs=[part.instrument for part in parts if part.notes],
            beats=draft.beats,
            marks=draft.marks,
        )
        return replace(score, loop=draft.loop)
    except ScoreError as error:  # which knows the name of the piece, not the file
        raise ScoreError(draft.where, expected=error.expected, got=error.got, remedy=error.remedy) from error


def _fermatas(parts: Sequence[PartNotes], have: Sequence[PartNotes]) -> list[float]:
    """Return where the parts have fermatas, or all others."""
    others = [set(part.fermatas) for part in have if part not in parts]
    own = {quarter for part in parts for quarter in part.fermatas}
    return sorted(own.union(set.intersection(*others) if others else ()))


def chosen_parts(draft: ScoreDraft, wanted: Sequence[str] = ()) -> list[PartNotes]:
    """Return the parts of these names, abbreviations or ids, upper or lower case, in the order of the score.

    "all" names every part. Without a name: the part Solo if there is one, else all.
    """
    if not wanted:
        solo = [part for part in draft.parts if _plain(part.name) == SOLO]
        return solo or draft.parts
    found = {id(part) for name in wanted for part in _named(draft, name)}
    return [part for part in draft.parts if id(part) in found]


def _named(draft: ScoreDraft, name: str) -> list[PartNotes]:
    """Return the parts that bear the name, or the only one whose name contains it."""
    plain = _plain(name)
    exact = [part for part in draft.parts if plain in map(_plain, (part.name, part.abbreviation, part.id))]
    if plain == ALL and not exact:
        return draft.parts
    within = [part for part in draft.parts if plain and plain in _plain(part.name)]
    if exact or len(within) == 1:
        return exact or within
    known = [text for part in draft.parts for text in (part.name, part.abbreviation, part.id) if text]
    got = f"{name!r}, which is in the name of several" if within else repr(name)
    raise ScoreError(
        draft.where, expected=f"one of the parts {_listed(draft.parts)}", got=got, remedy=nearest(name, known)
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _listed(parts: Sequence[PartNotes]) -> str:
    return ", ".join(part.label for part in parts) or "none"
