"""The parts of a score: those that are followed, and those that are played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, plain
from engine.core.errors import ScoreError, warn_about
from engine.score.beats import Beats, score_beats
from engine.score.loops import BarRange, looped_draft
from engine.score.parts import PartNotes, ScoreDraft, chosen_parts, finished_score
from engine.score.readers import read_draft
from engine.score.score import Score

__all__ = ["Accompaniment", "AccompanimentPart", "Players", "read_accompaniment"]

DRUMS = 9
CHANNELS = tuple(channel for channel in range(16) if channel != DRUMS)
SAME = 1e-3  # quarters closer than this are one onset, over all parts
NEVER_QUARTERS = 1e6
NOBODY = "none"  # followed: the accompaniment simply plays


@dataclass(frozen=True, slots=True, kw_only=True)
class Players(Settings):
    """Which parts play, and how loud."""

    play: tuple[str, ...] = plain((), "parts that play (default all but those that are followed; all: those too)")
    mute: tuple[str, ...] = plain((), "parts that are silent")
    gains_db: tuple[tuple[str, float], ...] = plain((), "gains of single parts, dB")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccompanimentPart:
    """One part that is played.

    name: as in the score
    channel: MIDI channel from 0
    program: its General MIDI instrument, from 0
    score: its notes, in quarters of the whole score
    pedal: (quarter, value of the sustain pedal from there on)
    gain_db: against the other parts
    gates: share of its length that a note sounds, by `note_id`, where that is not the whole
    """

    name: str
    channel: int
    program: int = 0
    score: Score
    pedal: tuple[tuple[float, int], ...] = ()
    gain_db: float = 0.0
    gates: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accompaniment:
    """What is followed and what is played; may be pickled to the engine process.

    solo: the part that is followed
    parts: those that are played
    beats: of the whole score
    follows: whether anything is followed; else the first note of the solo lies far behind the end
    expected: the solo at the tempo that rehearsals let expect, None without any
    onset_quarter: distinct onsets of all that are played, quarters of the whole score
    """

    solo: Score
    parts: tuple[AccompanimentPart, ...]
    beats: Beats | None = None
    follows: bool = True
    expected: Score | None = None
    onset_quarter: npt.NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        quarters = np.sort(np.concatenate([part.score.onset_quarter for part in self.parts]))
        first = np.ones(len(quarters), dtype=bool)
        first[1:] = np.diff(quarters) > SAME
        object.__setattr__(self, "onset_quarter", quarters[first])

    @property
    def followed(self) -> Score:
        """Return the solo at the tempo in which the follower expects it."""
        return self.solo if self.expected is None else self.expected


def read_accompaniment(
    path: Path,
    solo: Sequence[str] = (),
    players: Players | None = None,
    *,
    loop: BarRange | None = None,
    repeats_after_jump: bool = False,
) -> Accompaniment:
    """Read a score; the named parts are followed (default a part Solo, else the first), all others are played.

    solo: `none` follows nothing
    players: which of the others are played
    loop: these bars again and again
    Raises ScoreError for a part that is not there, for a score without a second part, and where nobody plays.
    """
    draft, players = read_draft(path, repeats_after_jump), players or Players()
    if loop is not None:
        draft = looped_draft(draft, loop)
    followed = _followed(draft, solo)
    played = _played(draft, followed, players)
    for notice in draft.notices:
        warn_about(str(path), notice)
    channels, gains = _channels(played), _gains(draft, players)
    solo_score = finished_score(draft, [part.id for part in followed or played])
    return Accompaniment(
        solo=solo_score if followed else _unplayed(solo_score),
        parts=tuple(
            _part(draft, part, channel, gains.get(part.id, 0.0)) for part, channel in zip(played, channels, strict=True)
        ),
        beats=score_beats(draft),
        follows=bool(followed),
    )


def _unplayed(score: Score) -> Score:
    """Return a score with the tempo and bars of another, whose only note never comes.

    A fermata on the last note would last until it does: it is left out.
    """
    one = slice(0, 1)
    return replace(
        score,
        fermata_quarter=score.fermata_quarter[score.fermata_quarter < score.onset_quarter[-1]],
        note_quarter=score.note_quarter[one] + NEVER_QUARTERS,
        note_duration=score.note_duration[one],
        note_pitch=score.note_pitch[one],
        note_velocity=score.note_velocity[one],
        note_id=score.note_id[one],
    )


def _followed(draft: ScoreDraft, solo: Sequence[str]) -> list[PartNotes]:
    """Return the parts that are followed; none where `none` is asked for and no part is called so."""
    named = {part.name.casefold() for part in draft.parts}
    if [each.casefold() for each in solo] == [NOBODY] and NOBODY not in named:
        return []
    followed = chosen_parts(draft, solo)
    if not solo and len(followed) == len(draft.parts):
        return [part for part in draft.parts if part.notes][:1]
    return followed


def _played(draft: ScoreDraft, followed: list[PartNotes], players: Players) -> list[PartNotes]:
    """Return the parts that are played; ScoreError if there are none."""
    parts = [part for part in draft.parts if part.notes]
    others = [part for part in parts if part not in followed]
    if not others and not players.play:
        raise ScoreError(
            draft.where,
            expected="a second part to play",
            got="only what is followed: " + ", ".join(part.label for part in followed),
            remedy="take a score in which soloist and accompaniment are parts of their own",
        )
    chosen = chosen_parts(draft, players.play) if players.play else others
    muted = chosen_parts(draft, players.mute) if players.mute else []
    played = [part for part in chosen if part.notes and part not in muted]
    if not played:
        remedy = "mute fewer parts" if muted else "name a part with notes"
        raise ScoreError(draft.where, expected="a part that plays", got="none", remedy=remedy)
    return played


def _gains(draft: ScoreDraft, players: Players) -> dict[str, float]:
    """Return the gain of each part that was given one, by id."""
    return {part.id: gain for name, gain in players.gains_db for part in chosen_parts(draft, [name])}


def _channels(parts: Sequence[PartNotes]) -> list[int]:
    """Return a channel for each part; where there are more parts than channels, one for each instrument."""
    if len(parts) <= len(CHANNELS):
        return list(CHANNELS[: len(parts)])
    programs = [part.instrument for part in parts]
    known = list(dict.fromkeys(programs))
    return [CHANNELS[known.index(program) % len(CHANNELS)] for program in programs]


def _part(draft: ScoreDraft, part: PartNotes, channel: int, gain_db: float) -> AccompanimentPart:
    return AccompanimentPart(
        name=part.name or part.id,
        channel=channel,
        program=part.instrument,
        score=finished_score(draft, [part.id]),
        pedal=tuple((quarter - draft.start, value) for quarter, value in part.pedal),
        gain_db=gain_db,
        gates=part.gates,
    )
