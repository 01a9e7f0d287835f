"""Where in the recording to be: it glides to where the scheduler says, and cuts only where that is far.

Attacks come when the scheduler lets them: the recording is led to the next onset of the accompaniment so that it gets
there in time, and holds its sound a little before an onset that must wait for the soloist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.accompaniment.backing.backing_map import BackingMap
from engine.accompaniment.backing.config import GlideConfig
from engine.accompaniment.scheduler import Scheduled, Scheduler

__all__ = ["Glide", "GlideNumbers", "Movement"]

PRE_ROLL_S = 0.006  # an attack begins before its onset
SMOOTH_S = 0.03  # time constant of the rate
NEAR_S = 0.03  # an onset that is nearer is not aimed at
FAR_S = 1.0  # nor one that is farther
RETREAT = 16  # steps that an onset must wait before the sound withdraws from it
CLOSE = 0.5  # of the guard: so near before an onset a held sound has much of it
PRECISION_S = 2e-4  # of places in the score
STEP_S = 0.25  # of score, over which the pace is taken
SLOW = 0.05  # a rate below it is a hold
LOST_S = 64.0  # of score: a place farther away is not looked for

Floats = npt.NDArray[np.float64]


class Movement(NamedTuple):
    """How the recording moves in one step.

    begin, end: from one sample of it to another; both NaN where it is silent
    cut: whether it begins there by a cut
    """

    begin: float
    end: float
    cut: bool = False


@dataclass(frozen=True, slots=True)
class GlideNumbers:
    """Lengths in samples.

    rate: samples a second
    step: of output between two decisions
    latency: of the stretch
    hop: between two places at which there may be a cut
    reach: largest movement in a hop that is no cut
    guard: of the recording before an onset, within which a held sound would have something of it
    """

    rate: int
    step: int
    latency: int
    hop: int
    reach: float
    guard: float


class GlideMoments(NamedTuple):
    """What is scheduled.

    score_s: its places, seconds of score
    sounds: whether the recording is to have an attack there
    """

    score_s: Floats
    sounds: npt.NDArray[np.bool_]


class Glide:
    """Follow a scheduler with a recording, step by step.

    onsets: which of the moments are attacks that the recording has, in order
    samples: their samples of the recording
    """

    def __init__(
        self,
        scheduler: Scheduler,
        places: BackingMap,
        moments: GlideMoments,
        numbers: GlideNumbers,
        config: GlideConfig,
    ) -> None:
        self._scheduler, self._map, self._own_s = scheduler, places, moments.score_s
        self._numbers, self._config = numbers, config
        samples = np.array([places.sample(float(s)) for s in moments.score_s])
        samples[~moments.sounds] = np.nan
        latest = np.fmax.accumulate(np.concatenate([[-np.inf], samples[:-1]]))
        self.onsets = np.flatnonzero(samples > latest)
        self.samples = samples[self.onsets]
        self._attacks = set(self.onsets.tolist())
        self.reset()

    def reset(self) -> None:
        """Reset to the initial state."""
        self.place = np.nan  # sample of the recording
        self._entry: Scheduled | None = None
        self.held = 0  # steps for which the sound has been held
        self._speed = 1.0  # samples of the recording a sample
        self._score_s = 0.0
        self._saturated = 0  # steps for which the scheduler has known no later place
        self._waited = 0  # steps for which the next onset has had to wait

    def stop(self) -> None:
        """Be silent until `enter`."""
        self.place, self._entry = np.nan, None

    def enter(self, onset: Scheduled) -> None:
        """Begin with an onset of the accompaniment, when its time comes, if the recording has it."""
        if np.isnan(self.place) and self._entry is None and onset.onset in self._attacks:
            self._entry = onset

    def step(self, now: int) -> Movement:
        """Return the movement of the step that begins at sample `now`."""
        now_s, may_cut = now / self._numbers.rate, now % self._numbers.hop == 0
        cut = may_cut and self._entry is not None and self._entered(self._entry, now_s)
        target = np.nan if np.isnan(self.place) else self._target(now_s)
        if np.isnan(target):
            self.place = np.nan
            return Movement(np.nan, np.nan)
        following = self._following()
        waited = self._waited
        if np.isinf(following.due_s):
            self._waited += 1
        elif may_cut:
            self._waited = 0
        if may_cut and not cut and (landing := self._landing(target, following, waited, now_s)) is not None:
            self.place, cut = landing, True
            following = self._following()
        wanted = self._wanted(target, following, following.due_s - now_s)
        self._speed += (wanted - self._speed) * min(self._numbers.step / (SMOOTH_S * self._numbers.rate), 1.0)
        return self._moved(following, cut)

    def _entered(self, entry: Scheduled, now_s: float) -> bool:
        """Begin if the onset sounds soon."""
        if self._sounds_in(entry.at_s - now_s) > (PRE_ROLL_S * self._numbers.rate + self._numbers.hop):
            return False
        self._score_s = float(self._own_s[entry.onset])
        self._speed, self._entry = self._pace(self._score_s), None
        self.place = self._attacking(self._map.sample(self._score_s), entry.at_s - now_s)
        self.held = self._saturated = self._waited = 0
        return bool(np.isfinite(self.place))

    def _sounds_in(self, due_s: float) -> float:
        """Return the samples of output until what is due in so many seconds sounds."""
        return due_s * self._numbers.rate + self._numbers.latency

    def _attacking(self, sample: float, due_s: float) -> float:
        """Return the place to cut to so that a sample of the recording sounds when it is due, or as soon as can be."""
        return sample + self._numbers.latency - max(self._sounds_in(due_s), PRE_ROLL_S * self._numbers.rate)

    def _target(self, now_s: float) -> float:
        """Return the sample where the scheduler is, and a little further if it waits."""
        score_s = self._score_at(now_s)
        self._saturated = 0 if score_s > self._score_s + 2 * PRECISION_S else self._saturated + 1
        self._score_s = score_s
        return self._map.sample(score_s + self._coasted_s() * self._tempo(score_s))

    def _coasted_s(self) -> float:
        return min(self._saturated * self._numbers.step / self._numbers.rate, self._config.coast_s)

    def _score_at(self, now_s: float) -> float:
        """Return the last place that the scheduler has reached, by bisection; the one before if it knows none."""
        time, low, reach = self._scheduler.time, self._score_s, STEP_S
        while time(low) > now_s:
            low, reach = low - reach, 2 * reach
            if reach > LOST_S:
                return self._score_s
        reach = STEP_S
        while time(low + reach) <= now_s:
            low, reach = low + reach, 2 * reach
            if reach > LOST_S:
                return low
        while reach > PRECISION_S:
            reach /= 2
            low = low + reach if time(low + reach) <= now_s else low
        return low

    def _tempo(self, score_s: float) -> float:
        """Return seconds of score a second at a place that has been reached."""
        end_s = score_s - PRECISION_S
        length_s = self._scheduler.time(end_s) - self._scheduler.time(end_s - STEP_S)
        return STEP_S / length_s if 0 < length_s < np.inf else 1.0

    def _pace(self, score_s: float) -> float:
        """Return samples of the recording a sample at a place that has been reached."""
        samples = self._map.sample(score_s + STEP_S) - self._map.sample(score_s - STEP_S)
        speed = samples / (2 * STEP_S * self._numbers.rate) * self._tempo(score_s)
        return min(max(speed, 0.0), self._config.fastest) if np.isfinite(speed) else self._speed

    def _following(self) -> _Following:
        """Return the next onset of the accompaniment in the recording."""
        index = int(np.searchsorted(self.samples, self.place, side="right"))
        if index == len(self.samples):
            return _Following(np.inf, -np.inf)
        return _Following(float(self.samples[index]), self._scheduler.time(float(self._own_s[self.onsets[index]])))

    def _landing(self, target: float, following: _Following, waited: int, now_s: float) -> float | None:
        """Return where to cut to, if there must be a cut.

        waited: steps for which the next onset had to wait before this one
        """
        missing, due_s = following.sample - self.place, following.due_s - now_s
        if self._waited >= RETREAT and missing < CLOSE * self._numbers.guard:
            return following.sample - self._numbers.guard
        landing = None if self._waited else self._landing_late(target)
        if landing is None and waited and not self._waited:
            landing = self._attacking(following.sample, due_s)
            uncut = max(missing / self._config.fastest + self._numbers.latency, self._sounds_in(due_s))
            if uncut - (following.sample - landing + self._numbers.latency) < self._config.worth_s * self._numbers.rate:
                landing = None
        return landing if landing is not None and landing - self.place > self._numbers.reach else None

    def _landing_late(self, target: float) -> float | None:
        """Return where to cut to if the recording is too late: to the last onset that has passed, or its target."""
        allowed = self._config.cut_s * self._numbers.rate
        if target - self.place <= allowed:
            return None
        index = int(np.searchsorted(self.samples, target, side="right")) - 1
        onset = float(self.samples[index]) if index >= 0 else -np.inf
        return self._attacking(onset, -np.inf) if onset > max(self.place, target - allowed) else target

    def _wanted(self, target: float, following: _Following, left_s: float) -> float:
        """Return the speed that leads to the next onset in time, or else to the target."""
        rate = self._numbers.rate
        if NEAR_S < left_s < FAR_S:
            speed = (following.sample - self.place) / (left_s * rate)
        else:
            waits = self._saturated * self._numbers.step > self._config.coast_s * rate
            speed = (target - self.place) / (self._config.glide_s * rate) + (
                0.0 if waits else self._pace(self._score_s)
            )
        return min(max(speed, 0.0), self._config.fastest)

    def _moved(self, following: _Following, cut: bool) -> Movement:
        """Move by one step, not beyond where an onset must wait."""
        begin = self.place
        end = begin + self._speed * self._numbers.step
        if np.isinf(following.due_s):
            end = min(end, max(begin, following.sample - self._numbers.guard))
        self._speed = (end - begin) / self._numbers.step
        self.held = self.held + 1 if self._speed < SLOW else 0
        self.place = end
        return Movement(begin, end, cut)


class _Following(NamedTuple):
    """The next onset of the accompaniment: its sample of the recording, and when it is to sound."""

    sample: float
    due_s: float
