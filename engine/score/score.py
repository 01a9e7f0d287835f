"""The score to follow: notes, distinct onsets, bars and the score's own tempo, as plain arrays.

A `Score` can be pickled and needs only numpy, so the engine process never loads a score reader.
`quarter` counts quarter notes from the first note of the whole score, of whichever part, repeats played out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from engine.core.errors import ScoreError

__all__ = ["MAX_NOTES", "MAX_QUARTERS", "Score", "make_score"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MAX_NOTES = 400_000  # all of Wagner's Ring has fewer in any one opera
MAX_QUARTERS = 200_000.0  # over a day at 120 quarters a minute
SAME_ONSET = 1e-4  # quarters: readers round their onsets to float32
DEFAULT_BPM = 110.0
LEAST_LOOPED = 3  # that a loop is written out, to go back from the last to one that is not the first


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Score:
    """A score; every array is one-dimensional.

    note_quarter: (note) onset, quarters, sorted
    note_duration: (note) duration, quarters
    note_pitch: (note) MIDI number
    note_velocity: (note) MIDI velocity
    note_id: (note) number of the `<note>` in the file, whose id in the normalised MusicXML is `cp` and the number; a
        note that is played twice has it twice, tied notes have that of the first; -1 where there is none
    bar_quarter: (bar) start of each bar, quarters
    bar_number: (bar) printed number
    bar_place: (bar) where the bar is printed; each time that a bar is played it has the same place, which two bars of
        the same number have not
    bar_beat: (bar) length of its beats, quarters; empty where nothing tells
    tempo_quarter: corners of the piecewise linear map from quarters to seconds at the score's own tempo, quarters
    tempo_s: the same corners, seconds
    onset_quarter: distinct onsets, quarters; the first is 0, or later if another part begins
    fermata_quarter: where what is held by a fermata of these parts, or of all others, begins, quarters
    programs: instruments of General MIDI that play it, from 0; empty where nothing tells
    marks: rehearsal marks as played, (quarter, text), in order
    notices: what the reader had to guess or leave out, one line each
    loop: length of what is written out again and again, to be played without end, quarters, and how many times it is
    """

    name: str
    note_quarter: Floats
    note_duration: Floats
    note_pitch: Ints
    note_velocity: Ints
    note_id: Ints
    bar_quarter: Floats
    bar_number: Ints
    bar_place: Ints
    tempo_quarter: Floats
    tempo_s: Floats
    bar_beat: Floats = field(default_factory=lambda: np.empty(0))
    fermata_quarter: Floats = field(default_factory=lambda: np.empty(0))
    programs: tuple[int, ...] = ()
    marks: tuple[tuple[float, str], ...] = ()
    notices: tuple[str, ...] = ()
    loop: tuple[float, int] = (0.0, 1)
    onset_quarter: Floats = field(init=False)

    def __post_init__(self) -> None:
        quarters = self.note_quarter
        first = np.ones(len(quarters), dtype=bool)
        first[1:] = np.diff(quarters) > SAME_ONSET
        object.__setattr__(self, "onset_quarter", quarters[first])

    @property
    def end_quarter(self) -> float:
        """Return the end of the last note to end, quarters."""
        return float((self.note_quarter + self.note_duration).max())

    def seconds(self, quarter: npt.ArrayLike) -> Floats:
        """Return seconds at the score's own tempo, 0 at the first note; beyond the last corner its tempo continues."""
        return _linear(np.asarray(quarter, dtype=float), self.tempo_quarter, self.tempo_s)

    def quarter(self, score_s: npt.ArrayLike) -> Floats:
        """Return the quarters at these score seconds, the inverse of `seconds`."""
        return _linear(np.asarray(score_s, dtype=float), self.tempo_s, self.tempo_quarter)

    def retimed(self, quarter: npt.ArrayLike, seconds: npt.ArrayLike) -> Score:
        """Return the score with another tempo: corners as of `tempo_quarter` and `tempo_s`, two at least."""
        quarters, at_s = np.array(quarter, dtype=float), np.array(seconds, dtype=float)
        return replace(self, tempo_quarter=quarters, tempo_s=at_s - _linear(np.zeros(1), quarters, at_s)[0])

    def until(self, quarter: float) -> Score:
        """Return the score with the notes and bars that begin before a quarter; its tempo goes on beyond."""
        notes, bars = self.note_quarter < quarter - SAME_ONSET, self.bar_quarter < quarter - SAME_ONSET
        return replace(
            self,
            note_quarter=self.note_quarter[notes],
            note_duration=self.note_duration[notes],
            note_pitch=self.note_pitch[notes],
            note_velocity=self.note_velocity[notes],
            note_id=self.note_id[notes],
            bar_quarter=self.bar_quarter[bars],
            bar_number=self.bar_number[bars],
            bar_place=self.bar_place[bars],
            bar_beat=self.bar_beat[bars] if len(self.bar_beat) else self.bar_beat,
            fermata_quarter=self.fermata_quarter[self.fermata_quarter < quarter - SAME_ONSET],
            marks=tuple(mark for mark in self.marks if mark[0] < quarter - SAME_ONSET),
            loop=(0.0, 1),
        )

    @property
    def wrap(self) -> tuple[float, float]:
        """Return the quarter from which on a loop goes back, and by how many; infinity and 0 where there is no loop."""
        length, times = self.loop
        return ((times - 1) * length, times // 2 * length) if times >= LEAST_LOOPED else (np.inf, 0.0)

    def bar(self, quarter: float) -> int:
        """Return the printed number of the bar that contains `quarter`."""
        index = int(np.searchsorted(self.bar_quarter, quarter + SAME_ONSET, side="right")) - 1
        return int(self.bar_number[max(index, 0)])


def make_score(
    name: str,
    notes: npt.ArrayLike,
    *,
    bars: Sequence[tuple[float, int] | tuple[float, int, int]] = (),
    tempi: Sequence[tuple[float, float]] = (),
    start: float | None = None,
    ids: Sequence[int] | None = None,
    notices: Sequence[str] = (),
    fermatas: Sequence[float] = (),
    programs: Sequence[int] = (),
    beats: Sequence[float] = (),
    marks: Sequence[tuple[float, str]] = (),
) -> Score:
    """Build a Score.

    notes: rows (onset, duration, pitch, velocity), quarters from any origin
    bars: (quarter, number, place); without the place, bars of the same number are the same bar
    tempi: (quarter, quarters a minute from there on)
    start: what becomes quarter 0 (default the first onset)
    ids: of the notes
    fermatas: where what they hold begins, quarters
    programs: instruments of General MIDI, from 0
    beats: length of the beats of each bar, quarters
    marks: (quarter, text) of rehearsal marks

    Raises ScoreError if there are no notes or too many, or any value is out of range.
    """
    table = np.atleast_2d(np.asarray(notes, dtype=float))
    if table.size == 0:
        raise ScoreError(
            name, expected="a score with notes", got="none", remedy="export the score again with its notes"
        )
    order = np.lexsort((table[:, 2], table[:, 0]))
    table = table[order]
    start = float(table[0, 0]) if start is None else start
    _check(name, table, start)
    tempo_quarter, tempo_s = _tempo_map([(q - start, bpm) for q, bpm in tempi])
    bar_rows = [(row[0] - start, row[1], row[-1]) for row in bars] or [(0.0, 1, 1)]
    return Score(
        name=name,
        note_quarter=table[:, 0] - start,
        note_duration=table[:, 1].copy(),
        note_pitch=table[:, 2].astype(np.int64),
        note_velocity=table[:, 3].astype(np.int64),
        note_id=np.full(len(table), -1) if ids is None else np.asarray(ids, np.int64)[order],
        bar_quarter=np.array([row[0] for row in bar_rows]),
        bar_number=np.array([row[1] for row in bar_rows], dtype=np.int64),
        bar_place=np.array([row[2] for row in bar_rows], dtype=np.int64),
        bar_beat=np.array(beats, dtype=float),
        fermata_quarter=np.unique(np.array(fermatas, dtype=float) - start),
        programs=tuple(programs),
        marks=tuple((float(quarter) - start, text) for quarter, text in marks),
        notices=tuple(notices),
        tempo_quarter=tempo_quarter,
        tempo_s=tempo_s,
    )


def _check(name: str, table: Floats, start: float) -> None:
    if len(table) > MAX_NOTES:
        raise ScoreError(name, expected=f"at most {MAX_NOTES} notes", got=str(len(table)), remedy="split the score")
    length = float((table[:, 0] + table[:, 1]).max()) - start
    if not np.isfinite(table).all() or not 0 <= length <= MAX_QUARTERS or table[:, 1].min() < 0:
        raise ScoreError(
            name,
            expected=f"notes within {MAX_QUARTERS:g} quarters",
            got=f"{length:g} quarters",
            remedy="check the file",
        )
    if table[:, 2:].min() < 0 or table[:, 2:].max() > 127:
        raise ScoreError(name, expected="pitches and velocities from 0 to 127", got="others", remedy="check the file")


def _tempo_map(tempi: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
    """Return the corners (quarter, second), the first at 0, the last far after the end.

    Tempo marks before the start apply at the start.
    """
    marks = {0.0: DEFAULT_BPM}
    for quarter, bpm in sorted(tempi):
        if 5.0 <= bpm <= 1000.0:
            marks[max(quarter, 0.0)] = bpm
    if len(marks) > 1 and marks[0.0] == DEFAULT_BPM:  # a first mark after the start applies from the start
        marks[0.0] = marks[sorted(marks)[1]]
    quarters = np.array([*sorted(marks), max(marks) + MAX_QUARTERS])
    rates = np.array([marks[q] for q in quarters[:-1]]) / 60.0
    return quarters, np.concatenate([[0.0], np.cumsum(np.diff(quarters) / rates)])


def _linear(x: Floats, xs: Floats, ys: Floats) -> Floats:
    """Interpolate linearly between the corners, the first and last segment extended."""
    i = np.clip(np.searchsorted(xs, x, side="right") - 1, 0, len(xs) - 2)
    slope = (ys[i + 1] - ys[i]) / (xs[i + 1] - xs[i])
    return np.asarray(ys[i] + (x - xs[i]) * slope)
