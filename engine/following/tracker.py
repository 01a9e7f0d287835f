"""Turn rows of features into events: run the beam search and the jump detector, and report where the music is."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, F64, I64
from engine.core.errors import ShapeError
from engine.core.events import Event, Onset, Position, State
from engine.core.fixed_kernel import FixedKernel
from engine.following.confidence import (
    Trust,
    TrustNumbers,
    confidence,
    forget,
    new_trust,
    restart_trust,
    trust_numbers,
    update_trust,
)
from engine.following.config import FollowConfig
from engine.following.likelihood import LikelihoodNumbers, Templates, likelihood_numbers
from engine.following.prediction import HEARD, N_PREDICTION, PREDICTED, predict_onset
from engine.following.reference import TYPICAL, Reference, with_rests
from engine.following.search.beam_search import (
    SPAN,
    Search,
    SearchNumbers,
    advance,
    new_search,
    read_out,
    restart,
    search_numbers,
    wait_before,
    waits,
)
from engine.following.search.jump_detector import (
    JumpDetector,
    JumpNumbers,
    ReferenceArrays,
    adopt_path,
    detect_jump,
    jump_numbers,
    likely_places,
    new_jump_detector,
    restart_jump_detector,
)
from engine.following.search.looping import go_back, loop_events
from engine.following.states import CODES, FOLLOWING, JUMPED, LOST, N_STATE, Rests, next_state
from engine.following.tempo import ONSET_MS, TempoNumbers, tempo_numbers

__all__ = ["Pitch", "Timing", "Tracker"]

Features = npt.NDArray[np.float32]

Numbers = tuple[SearchNumbers, TempoNumbers, LikelihoodNumbers, JumpNumbers, TrustNumbers]

SAME_QUARTER = 1e-3
BEFORE = -1 / 64  # quarter reported before the first note is detected
JUST_BEFORE = 1 - 1e-6  # share of the way to an event that is waited for elsewhere than at the beginning
RETREAT_S = 1.0  # seconds that the best path must stay behind before the reported position goes back
# Columns of the report of a frame: quarter, bar, score_s, tempo_bpm, confidence; the prediction; the state.
CONFIDENCE, PREDICTION, STATE = 4, 5, 5 + N_PREDICTION
PERHAPS, N_PERHAPS = STATE + 1, 2  # events at which the music may be while the place is lost; -1: not looked for
N_OUT = PERHAPS + N_PERHAPS
PERHAPS_S = 1.0  # between two looks for them


class Pitch(NamedTuple):
    """How high what is played sounds above the score.

    cents: by which the features are retuned
    a4_hz: frequency at which the score's A4 sounds
    transposition: semitones, rounded
    """

    cents: float
    a4_hz: float
    transposition: int


class Memory(NamedTuple):
    """What is kept from frame to frame.

    progress: frames so far, the position reached (event and share of the way to the next), frames spent behind it
    prediction: event heard last; event predicted last, when and its standard deviation
    state: see `N_STATE`
    evidence: log likelihood of the best path, nats
    """

    progress: F64
    prediction: F64
    state: F64
    evidence: F64


class Timing(NamedTuple):
    """Timing of the rows, in samples.

    hop: samples between rows
    sample_rate: Hz
    late: samples from the instant that a row describes to its emission
    delay: samples by which an onset is detected late in the rows
    """

    hop: int
    sample_rate: int
    late: int
    delay: int


class Tracker:
    """Rows (frame, F + G) of sustain and onset features to events: a `Position` a frame, `Onset` and `State` if new.

    `at` is the instant that the row `lag` frames ago describes, less the delay with which an onset is detected there:
    the first `at` whose quarter reaches a note's is the time of that note's onset. `emitted_at` is the end of the
    newest frame. Before the first note `quarter` is slightly negative. Frames whose `at` would be negative emit
    nothing. The quarter goes back only after the best path has been behind it for a second, or at a jump. `Onset` and
    `State` speak of the best path as it is now, `lag` frames ahead. Raises ShapeError if the reference's templates are
    not F and G long.
    """

    def __init__(self, timing: Timing, shape: tuple[int, int], reference: Reference, config: FollowConfig) -> None:
        _check(shape, reference)
        mean = reference.sustain.mean(axis=0)
        reference = with_rests(reference)
        attack = round(reference.attack_s * timing.sample_rate)
        self.timing, self.config, self.reference = timing._replace(delay=timing.delay + attack), config, reference
        frame_s = timing.hop / timing.sample_rate
        self._steps = (frame_s, config.lag, RETREAT_S / frame_s, config.jumps, max(round(PERHAPS_S / frame_s), 1))
        self._numbers = (
            search_numbers(config.search, frame_s),
            tempo_numbers(frame_s),
            likelihood_numbers(config.likelihood, frame_s, config.features.compression, reference.strength / TYPICAL),
            jump_numbers(frame_s, soon=config.soon),
            trust_numbers(frame_s),
        )
        self._score = (reference.score_s, reference.quarter, reference.bar_quarter, reference.bar_number)
        rest = np.asarray(~reference.onset.any(axis=1))
        templates = Templates(reference.sustain, reference.onset, mean, rest, reference.repetitions)
        self._reference = (templates, reference.score_s, reference.links)
        self._loop = loop_events(reference.quarter, reference.wrap)
        self._rests = reference.rests
        self._follow = FixedKernel(_follow)
        self._begin()

    def _begin(self) -> None:
        """Allocate what is kept from frame to frame."""
        self._searches = (new_search(self.config.search.entries), new_jump_detector(len(self.reference.score_s)))
        self._memory = Memory(np.zeros(3), np.zeros(4), np.zeros(N_STATE), np.zeros(1))
        self._trust = new_trust(self._numbers[4])
        self._told = -1  # code of the last state
        self._perhaps: tuple[float, ...] = ()  # quarters that were told last
        self.pitch = Pitch(0.0, 440.0, 0)
        self._out = np.zeros((0, N_OUT))
        score, steps = (*self._score, self._rests), (*self._steps, self._loop)
        state = (self._memory, self._trust)
        self._given = (self._searches, self._reference, score, self._numbers, steps, state)
        self.reset()

    def twin(self) -> Tracker:
        """Return a tracker of the same score, as after construction, that shares the templates."""
        other = copy(self)
        other._begin()
        return other

    @property
    def latency(self) -> int:
        """Return the exact samples by which `emitted_at` lags `at`."""
        return self.timing.late + self.config.lag * self.timing.hop + self.timing.delay

    @property
    def evidence(self) -> float:
        """Return the log likelihood of the best path, nats; it may be set."""
        return float(self._memory.evidence[0])

    @evidence.setter
    def evidence(self, nats: float) -> None:
        self._memory.evidence[0] = nats

    @property
    def trust_evidence(self) -> npt.NDArray[np.float64]:
        """Return the evidence for the confidence of the newest frame, as `update_trust` has it, borrowed."""
        return self._trust.evidence

    @property
    def waiting(self) -> bool:
        """Return whether the best path is still before the first note, or before that from which it was to go on."""
        return bool(waits(self._searches[0]))

    @property
    def lost(self) -> bool:
        """Return whether the last state is "lost"."""
        return self._told == LOST

    def process(self, rows: Features) -> list[Event]:
        """Return the events of each row."""
        first = int(self._memory.progress[0])
        out = self.advance(rows)
        silent = max(0, -(-self.latency // self.timing.hop) - 1 - first)  # frames centred before the input
        return [event for i, row in enumerate(out[silent:].tolist(), silent) for event in self._events(first + i, row)]

    def advance(self, rows: Features) -> npt.NDArray[np.float64]:
        """Follow through the rows and return the report (frame, N_OUT) of each, borrowed until the next call."""
        if len(self._out) < len(rows):
            self._out = np.zeros((len(rows), N_OUT))
        out = self._out[: len(rows)]
        self._follow.call(np.ascontiguousarray(rows, np.float32), *self._given, out)
        return out

    def adopt(self, other: Tracker) -> None:
        """Continue from the path of a tracker of the same score that has seen as many frames."""
        for mine, its in zip(self._arrays(), other._arrays(), strict=True):
            np.copyto(mine, its)

    def tell(self, pitch: Pitch) -> list[Event]:
        """Return a state event for a change of pitch."""
        self.pitch = pitch
        if self._told < 0:
            return []
        why = f"sounds {pitch.transposition:+d} semitones from the score, its A4 at {pitch.a4_hz:.1f} Hz"
        return [self._stated(int(self._memory.progress[0]) * self.timing.hop, CODES[self._told][0], why)]

    def reset(self, frame: int = 0) -> None:
        """Return to the state after construction, or, with `frame`, begin at a later frame."""
        restart(self._searches[0])
        restart_jump_detector(self._searches[1])
        restart_trust(self._trust)
        for array in self._memory:
            array[:] = 0
        self._memory.progress[0] = frame
        self._told, self.pitch, self._perhaps = -1, Pitch(0.0, 440.0, 0), ()

    def succeed(self, other: Tracker, quarter: float) -> None:
        """Take over from a tracker of another score, at its frame, pitch and tempo, and wait at a quarter."""
        self.reset(int(other._memory.progress[0]))
        self.pitch = other.pitch
        self.relocate(quarter, float(_log_period(other._searches[0])))

    def relocate(self, quarter: float, log_period: float | None = None) -> None:
        """Wait from the next frame on for the first note at or after a quarter, the last one if there is none.

        log_period: the log of the seconds played for a second of score, by default as they were
        """
        search, detector = self._searches
        notes = np.flatnonzero(~self._reference[0].rest)
        after = notes[np.searchsorted(self.reference.quarter[notes], quarter - SAME_QUARTER) :]
        event = int(after[0] if len(after) else notes[-1]) + 1
        wait_before(search, event, float(_log_period(search)) if log_period is None else log_period)
        restart_jump_detector(detector)
        restart_trust(self._trust)
        memory = self._memory
        memory.progress[1:] = event - 1 + JUST_BEFORE if event > 1 else 0.0, 0.0
        for array in (memory.prediction, memory.state, memory.evidence):
            array[:] = 0
        self._told, self._perhaps = -1, ()

    def _arrays(self) -> Iterator[npt.NDArray[np.generic]]:
        search, detector = self._searches
        yield from (*search[:-1], *detector, *self._memory, *self._trust)

    def _events(self, frame: int, row: list[float]) -> Iterator[Event]:
        end = (frame + 1) * self.timing.hop
        perhaps = self._places(row)
        if int(row[STATE]) != self._told or row[STATE] == JUMPED or perhaps != self._perhaps:
            self._perhaps = perhaps
            yield self._state(end, int(row[STATE]), int(row[1]))
        for column in (PREDICTION + HEARD, PREDICTION + PREDICTED):
            if row[column] > 0:
                yield self._onset(end, column, row)
        yield self._position(end, row)

    def _places(self, row: list[float]) -> tuple[float, ...]:
        """Return where the music may be, quarters, while the place is lost."""
        if int(row[STATE]) != LOST:
            return ()
        if row[PERHAPS] < 0:
            return self._perhaps
        return tuple(float(self.reference.quarter[int(event) - 1]) for event in row[PERHAPS:] if event > 0)

    def _state(self, end: int, code: int, bar: int) -> State:
        self._told = FOLLOWING if code == JUMPED else code
        name, why = CODES[code]
        return self._stated(end, name, f"{why} {bar}" if code == JUMPED else why)

    def _stated(self, end: int, name: str, why: str) -> State:
        at, pitch = self._now(end), self.pitch
        return State(
            at=at,
            emitted_at=end,
            name=name,
            why=why,
            transposition=pitch.transposition,
            a4_hz=pitch.a4_hz,
            perhaps=self._perhaps,
        )

    def _onset(self, end: int, column: int, row: list[float]) -> Onset:
        heard = column == PREDICTION + HEARD
        due_s = row[column + 1] + (self.timing.hop - self.timing.late - self.timing.delay) / self.timing.sample_rate
        at = self._now(end)
        if heard:
            at = min(max(round(due_s * self.timing.sample_rate), end - self.latency), at)
        quarter = float(self.reference.quarter[int(row[column]) - 1])
        sd_s = ONSET_MS / 1000 if heard else row[column + 2]
        return Onset(at=at, emitted_at=end, quarter=quarter, due_s=due_s, sd_s=sd_s, heard=heard)

    def _now(self, end: int) -> int:
        """Return the newest instant of which onsets are known, samples."""
        return end - self.timing.late - self.timing.delay

    def _position(self, end: int, row: list[float]) -> Position:
        return Position(
            at=end - self.latency,
            emitted_at=end,
            quarter=row[0],
            bar=int(row[1]),
            score_s=row[2],
            tempo_bpm=row[3],
            confidence=row[4],
        )


def _check(shape: tuple[int, int], reference: Reference) -> None:
    got = (reference.sustain.shape[1], reference.onset.shape[1])
    if got != shape:
        remedy = "make the reference for the same frames and features"
        raise ShapeError(reference.name, expected=f"{shape} features", got=f"{got} from the reference", remedy=remedy)


@njit(nogil=True, cache=True)
def _follow(
    features: F32,
    searches: tuple[Search, JumpDetector],
    reference: ReferenceArrays,
    score: tuple[F64, F64, F64, I64, Rests],
    numbers: Numbers,
    timing: tuple[float, int, float, bool, int, tuple[int, int]],
    state: tuple[Memory, Trust],
    out: F64,
) -> None:
    """Run every frame through both searches and write a row of `out` (frame, N_OUT) for it."""
    search, detector = searches
    memory, trust = state
    progress = memory.progress
    frame_s, lag, patience, jumps, looks, loop = timing
    for t in range(features.shape[0]):
        now_s = progress[0] * frame_s
        advance(search, features[t], now_s, reference[0], score[0], numbers[0], numbers[1], numbers[2])
        event, share = read_out(search, now_s - lag * frame_s, score[0], numbers[0].reach)
        place, leap = event + share, 0
        if event == 0 and search.gate[0] > 0:
            place = search.gate[0] + JUST_BEFORE
        if jumps:
            main = (search.best[0], _log_period(search), search.mass[1])
            leap = detect_jump(detector, features[t], now_s, main, reference, numbers[3], numbers[1:3])
        if leap > 0:
            adopt_path(search, detector, leap)
            forget(trust)
            place = float(leap)
        progress[2] = progress[2] + 1 if place < progress[1] else 0.0
        if place > progress[1] or progress[2] > patience or leap > 0:
            progress[1], progress[2] = place, 0.0
        times = (score[0], score[4].end_s)
        update_trust(trust, features[t], now_s, searches, reference[0], times, numbers[2], numbers[4])
        _report(progress[1], search, score[:4], out[t])
        out[t, CONFIDENCE] = confidence(trust)
        predict_onset(
            search, now_s, (score[0], reference[0].rest), numbers[1], memory.prediction, out[t, PREDICTION:STATE]
        )
        doing = next_state(search, memory.state, now_s, out[t, CONFIDENCE], score[4], frame_s)
        out[t, STATE] = JUMPED if leap > 0 else doing
        out[t, PERHAPS:] = -1
        if jumps and doing == LOST and int(progress[0]) % looks == 0:
            likely_places(detector, search.best[0], numbers[3], out[t, PERHAPS:])
        memory.evidence[0] += search.mass[1]
        progress[0] += 1
        if 0 < loop[0] <= search.best[0]:
            go_back(search, detector, progress, memory.prediction, loop[1])


@njit(nogil=True, cache=True)
def _log_period(search: Search) -> float:
    """Return the log of the seconds played for a second of score, on the best path."""
    return search.tempo[search.best[0] % SPAN, search.best[1], 1]


@njit(nogil=True, cache=True)
def _report(place: float, search: Search, score: tuple[F64, F64, F64, I64], row: F64) -> None:
    """Write quarter, bar, score_s and tempo_bpm of a position between two events."""
    event_s, event_quarter, bar_quarter, bar_number = score
    i = min(max(int(place) - 1, 0), max(len(event_s) - 2, 0))
    length_s, length_quarter = 0.5, 1.0
    if len(event_s) > 1:
        length_s, length_quarter = event_s[i + 1] - event_s[i], event_quarter[i + 1] - event_quarter[i]
    share = place - 1 - i
    row[0] = event_quarter[i] + share * length_quarter if place >= 1 else BEFORE
    row[1] = bar_number[max(np.searchsorted(bar_quarter, row[0] + 1e-4, side="right") - 1, 0)]
    row[2] = event_s[i] + share * length_s if place >= 1 else BEFORE
    row[3] = 60 * length_quarter / length_s * np.exp(-_log_period(search))
