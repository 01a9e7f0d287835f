"""What the accompaniment does at each moment: notes that begin, pedals that move, beats that the metronome counts.

All of them are onsets to the scheduler, so that one rule says when each is due.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.accompaniment.parts import DRUMS, SAME, Accompaniment, AccompanimentPart
from engine.score.beats import Beats, count_in
from engine.score.score import Score

__all__ = ["Click", "Moment", "PlannedNote", "clicks_before", "is_first_beat", "play_plan"]

FIRST_CLICK, CLICK = (76, 110), (77, 80)  # General MIDI's wood blocks, high and low: pitch and velocity
UP = 0


class PlannedNote(NamedTuple):
    """A note: end_s in seconds of score."""

    channel: int
    pitch: int
    velocity: int
    end_s: float


class Click(NamedTuple):
    """A beat that is counted before a place: quarter is its distance, below 0; note says how it sounds."""

    quarter: float
    note: PlannedNote


@dataclass(slots=True)
class Moment:
    """What is played at one place.

    quarter: its place
    sounds: whether notes of parts begin
    notes: those, and the beat of the metronome
    pedals: values that the pedal of each channel takes, or has there
    """

    quarter: float
    sounds: bool = False
    notes: list[PlannedNote] = field(default_factory=list)
    pedals: dict[int, list[int]] = field(default_factory=dict)


def is_first_beat(pitch: int) -> bool:
    """Return whether a beat of the metronome begins a bar, by the pitch of its note."""
    return pitch == FIRST_CLICK[0]


def clicks_before(beats: Beats | None, quarter: float, bars: int) -> list[Click]:
    """Return the beats of bars to count before a quarter, as many as the bar there has."""
    if beats is None:
        return []
    after = beats.quarter >= quarter - SAME
    counted = count_in(Beats(beats.quarter[after] - quarter, beats.first[after]), bars)
    rows = zip(counted.quarter.tolist(), counted.first.tolist(), strict=True)
    return [Click(place, PlannedNote(DRUMS, *(FIRST_CLICK if first else CLICK), 0.0)) for place, first in rows]


def play_plan(accompaniment: Accompaniment, *, metronome: bool, count_in_bars: int = 0) -> list[Moment]:
    """Return all moments in order.

    metronome: count from the first note of any part on
    count_in_bars: count so many bars before it
    """
    counted = _counted(accompaniment.beats, metronome, count_in_bars)
    quarters = [accompaniment.onset_quarter, counted.quarter, *map(_pedal_places, accompaniment.parts)]
    plan = [Moment(float(quarter)) for quarter in _distinct(np.concatenate(quarters))]
    places = np.array([moment.quarter for moment in plan])
    for part in accompaniment.parts:
        _add_notes(plan, places, part, accompaniment.solo)
    for part in accompaniment.parts:
        _add_pedal(plan, part)
    for quarter, first in zip(counted.quarter, counted.first, strict=True):
        moment = plan[_at(places, quarter)]
        end_s = float(accompaniment.solo.seconds(moment.quarter))
        moment.notes.append(PlannedNote(DRUMS, *(FIRST_CLICK if first else CLICK), end_s))
    return plan


def _counted(beats: Beats | None, metronome: bool, count_in_bars: int) -> Beats:
    """Return the beats that sound."""
    if beats is None:
        return Beats(np.zeros(0), np.zeros(0, dtype=bool))
    before, within = count_in(beats, count_in_bars), (beats.quarter >= -SAME) & metronome
    return Beats(
        np.concatenate([before.quarter, beats.quarter[within]]), np.concatenate([before.first, beats.first[within]])
    )


def _distinct(quarters: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    ordered = np.sort(quarters)
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = np.diff(ordered) > SAME
    return ordered[first]


def _at(places: npt.NDArray[np.float64], quarter: float) -> int:
    return int(np.searchsorted(places, quarter + SAME, side="right")) - 1


def _add_notes(plan: list[Moment], places: npt.NDArray[np.float64], part: AccompanimentPart, solo: Score) -> None:
    """Add the notes of a part; they end by the tempo of the solo, which may be one that is expected."""
    score = part.score
    gates = np.array([part.gates.get(int(number), 1.0) for number in score.note_id])
    ends_s = solo.seconds(score.note_quarter + gates * score.note_duration)
    rows = zip(score.note_quarter, score.note_pitch, score.note_velocity, ends_s, strict=True)
    for quarter, pitch, velocity, end_s in rows:
        moment = plan[_at(places, quarter)]
        moment.sounds = True
        moment.notes.append(PlannedNote(part.channel, int(pitch), int(velocity), float(end_s)))


def _pedal_rows(part: AccompanimentPart) -> list[tuple[float, int]]:
    """Return the moves of a part's pedal; it is up at the end."""
    if not part.pedal:
        return []
    end = max(part.score.end_quarter, part.pedal[-1][0])
    return [*part.pedal, (end, UP)]


def _pedal_places(part: AccompanimentPart) -> npt.NDArray[np.float64]:
    return np.array([quarter for quarter, _ in _pedal_rows(part)])


def _add_pedal(plan: list[Moment], part: AccompanimentPart) -> None:
    """Add the moves of a pedal, and where it does not move, how it stands."""
    rows = _pedal_rows(part)
    if not rows:
        return
    done, value = 0, UP
    for moment in plan:
        end = bisect_right(rows, moment.quarter + SAME, key=lambda row: row[0])
        moves = [move for _, move in rows[done:end]]
        value = moves[-1] if moves else value
        moment.pedals.setdefault(part.channel, []).extend(moves or [value])
        done = end
