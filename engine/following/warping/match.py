"""Follow by online time warping: rows of features to events, as the tracker gives them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, F64, I64
from engine.core.errors import ShapeError
from engine.core.events import Event, Position, State
from engine.following.reference import Reference
from engine.following.states import CODES, ENDED, FIRST, FOLLOWING
from engine.following.tracker import BEFORE, SAME_QUARTER, Timing
from engine.following.warping.config import WarpConfig
from engine.following.warping.online_warping import (
    Warp,
    WarpNumbers,
    follow_row,
    nearness,
    new_warp,
    restart_warp,
    warp_numbers,
)

__all__ = ["BEGINS_SHARE", "LEAST_S", "MatchTracker", "reference_frames"]

Features = npt.NDArray[np.float32]

BEGINS_SHARE = 0.3  # of the strength of a typical onset: the music begins with the first frame that has as much
SLOPE_S = 3.0  # time over which the tempo is measured
RISE = 2  # frames of the reference in which an onset is new
TINY = np.float32(1e-6)
TRUST_STEP = 0.01  # of the confidence towards that of one frame: a second's worth
LEAST_S = 0.2  # length of the last event, and of music before the tempo is measured


class MatchTracker:
    """Rows (frame, F + G) of sustain and onset features to a `Position` a frame, and `State` if new.

    The reference is the score as a sequence of frames at its own tempo; frames that it brings itself, embeddings of a
    network, are compared as they are, by Euclidean distance, others as rows of unit length. Warping begins with the
    first sound. `at` is the instant that the row describes, less the delay with which an onset is detected there. There
    is no search for jumps, and no prediction of onsets. The confidence, which is not calibrated, is by how much nearer
    the frame that was met is than the others of the band.
    """

    def __init__(self, timing: Timing, shape: tuple[int, int], reference: Reference, config: WarpConfig) -> None:
        got = (reference.sustain.shape[1], reference.onset.shape[1])
        if got != shape:
            raise ShapeError(reference.name, expected=f"{shape} features", got=f"{got} from the reference")
        attack = round(reference.attack_s * timing.sample_rate)
        self.timing, self.reference = timing._replace(delay=timing.delay + attack), reference
        frame_s = timing.hop / timing.sample_rate
        self._score_s, self._frames = reference_frames(reference, frame_s, config.onset)
        self._quarter = np.interp(self._score_s, reference.score_s, reference.quarter)
        self._numbers, band = warp_numbers(config, frame_s)
        self._warp = new_warp(band, self._frames.shape[1], self._numbers.back)
        raw = float(len(reference.frames) > 0)
        self._scales = np.array([BEGINS_SHARE * reference.strength, config.onset / reference.strength, raw], np.float32)
        self._n_sounds = shape[0]
        self._met = np.zeros(max(2, round(SLOPE_S / frame_s)), np.int64)  # reference frames, by live frame
        self._out = np.zeros((0, 2))
        self._counts = np.zeros(2, np.int64)  # rows so far, rows of music
        self._trust = np.zeros(1)
        self._begin = 0  # reference frame from which it was sent to go on
        self._told = -1

    @property
    def latency(self) -> int:
        """Return the exact samples by which `emitted_at` lags `at`."""
        return self.timing.late + self.timing.delay

    @property
    def lost(self) -> bool:
        """Return False: it does not know."""
        return False

    @property
    def trust_evidence(self) -> npt.NDArray[np.float64]:
        """Return nothing: there is no evidence for the confidence."""
        return np.zeros(0)

    def process(self, rows: Features) -> list[Event]:
        """Return the events of each row."""
        if len(self._out) < len(rows):
            self._out = np.zeros((len(rows), 2))
        events: list[Event] = []
        out = self._out[: len(rows)]
        first, played = self._counts.tolist()
        ahead = self._frames[self._begin :]
        _follow(
            rows, self._n_sounds, self._scales, (self._counts, self._trust), (self._warp, ahead, self._numbers), out
        )
        for i, (met, trust) in enumerate(out.tolist(), first + 1):
            played += met >= 0
            place = int(met) + self._begin if met >= 0 else -1
            tempo = self._tempo(place, played)
            if i * self.timing.hop >= self.latency:
                events += self._events(i * self.timing.hop, place, tempo, trust)
        return events

    def relocate(self, quarter: float) -> None:
        """Wait from the next frame on for sound, and go on from this quarter."""
        self._begin = min(int(np.searchsorted(self._quarter, quarter - SAME_QUARTER)), len(self._frames) - 1)
        restart_warp(self._warp)
        self._counts[1], self._trust[0], self._told = 0, 0.0, -1

    def reset(self) -> None:
        """Return to the state after construction."""
        restart_warp(self._warp)
        self._met[:] = self._counts[:] = 0
        self._begin = 0
        self._trust[:] = 0
        self._told = -1

    def _events(self, end: int, met: int, tempo: float, trust: float) -> Iterator[Event]:
        code = FIRST if met < 0 else ENDED if met == len(self._frames) - 1 else FOLLOWING
        if code != self._told:
            self._told = code
            name, why = CODES[code]
            yield State(at=end - self.latency, emitted_at=end, name=name, why=why)
        yield self._position(end, met, tempo, trust)

    def _tempo(self, met: int, n: int) -> float:
        """Return seconds of score a second over the last seconds of music, the n-th frame of which meets `met`."""
        size, passed = len(self._met), min(n, len(self._met)) - 1
        if met < 0:
            return 1.0
        first = int(self._met[(n - passed) % size]) if passed else met
        self._met[n % size] = met
        if passed * self.timing.hop < LEAST_S * self.timing.sample_rate:
            return 1.0
        return max((met - first) / passed, 0.0)

    def _position(self, end: int, met: int, tempo: float, trust: float) -> Position:
        reference = self.reference
        place = met if met >= 0 else self._begin
        quarter = float(self._quarter[place]) + (BEFORE if met < 0 else 0.0)
        score_s = float(self._score_s[place]) + (BEFORE if met < 0 else 0.0)
        bar = int(np.searchsorted(reference.bar_quarter, quarter + 1e-4, side="right")) - 1
        i = int(
            np.clip(
                np.searchsorted(reference.score_s, score_s, side="right") - 1, 0, max(len(reference.score_s) - 2, 0)
            )
        )
        pace = 2.0
        if len(reference.score_s) > 1:
            pace = (reference.quarter[i + 1] - reference.quarter[i]) / (reference.score_s[i + 1] - reference.score_s[i])
        return Position(
            at=end - self.latency,
            emitted_at=end,
            quarter=quarter,
            bar=int(reference.bar_number[max(bar, 0)]),
            score_s=score_s,
            tempo_bpm=float(60 * pace * tempo),
            confidence=trust,
        )


def reference_frames(reference: Reference, frame_s: float, onset: float) -> tuple[npt.NDArray[np.float64], Features]:
    """Return the score as frames at its own tempo: seconds (frame), and features (frame, F + G), its own or of events.

    onset: weight of the onset features; those of events have unit length, its own are relative to a typical onset
    """
    if len(reference.frames):
        scales = np.ones(reference.frames.shape[1], np.float32)
        scales[reference.sustain.shape[1] :] = onset / reference.strength
        score_s = reference.frames_s + frame_s * np.arange(len(reference.frames), dtype=np.float64)
        return score_s, np.asarray(reference.frames * scales, np.float32)
    end_s = max(reference.score_s[-1] + LEAST_S, reference.over_s.max(initial=0.0))
    score_s = reference.score_s[0] + frame_s * np.arange(int((end_s - reference.score_s[0]) / frame_s) + 1)
    event = np.searchsorted(reference.score_s, score_s + 1e-9, side="right") - 1
    new = (score_s - reference.score_s[event]) < RISE * frame_s
    return score_s, np.concatenate(
        [reference.sustain[event], np.float32(onset) * reference.onset[event] * new[:, None]], axis=1, dtype=np.float32
    )


@njit(nogil=True, cache=True)
def _follow(
    rows: F32,
    n_sounds: int,
    scales: F32,
    state: tuple[I64, F64],
    search: tuple[Warp, F32, WarpNumbers],
    out: F64,
) -> None:
    """Write the reference frame that each row meets, -1 before the first sound, and the confidence.

    scales: strength of an onset with which the music begins; factor on onset features; 1 to leave sustained sound as it
        is, 0 to give it unit length
    state: rows so far and those of music; the confidence
    """
    counts, trust = state
    warp, reference, numbers = search
    live = np.empty(rows.shape[1], np.float32)
    for t in range(rows.shape[0]):
        counts[0] += 1
        sounds, begins = rows[t, :n_sounds], rows[t, n_sounds:]
        out[t, 0], out[t, 1] = -1, 0.0
        if counts[1] == 0 and np.sqrt((begins * begins).sum()) < scales[0]:
            continue
        counts[1] += 1
        length = np.float32(1) if scales[2] > 0 else max(np.sqrt((sounds * sounds).sum()), TINY)
        live[:n_sounds] = sounds / length
        live[n_sounds:] = begins * scales[1]
        met = follow_row(warp, live, reference, numbers)
        trust[0] += TRUST_STEP * (nearness(warp, met) - trust[0])
        out[t, 0], out[t, 1] = met, min(max(trust[0], 0.0), 1.0)
