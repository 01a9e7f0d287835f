"""Decode the probabilities of a network to events, step by step: median filter, hysteresis, shortest duration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, F64, I64, Scalar32
from engine.core.config import Settings, check, choice, from_mapping, numbers, plain, ranged, require
from engine.core.errors import ConfigError, ShapeError

__all__ = ["DecisionConfig", "Decisions", "EventDecoder", "Interval", "SoundChange"]

MEDIANS = ("centred", "causal")
# Names of some fields in network files, older than the names here.
FILE_NAMES = {
    "onset_lag": "lead",
    "offset_lag": "trail",
    "accumulated_log_odds": "evidence",
    "log_odds_by_label": "evidences",
}
SURE = 1e-4  # probabilities are clipped to this distance from 0 and 1: one step contributes at most 9 nats


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionConfig(Settings):
    """How probabilities become events; the defaults are the paper's (section 2.2): 0.5, centred median of 7 steps."""

    threshold: float = ranged(0.5, 0, 1, "probability at or above which a class is active")
    thresholds: Mapping[str, float] | None = plain(None, "thresholds of single classes, by label")
    release: float = ranged(1.0, 0.05, 1, "fraction of the threshold below which a class stops; 1 is no hysteresis")
    median: int = ranged(7, 1, 99, "length of the median filter", unit="steps", odd=True)
    alignment: str = choice(
        "centred", MEDIANS, "centred waits for half of the median's steps; causal uses past steps only, without delay"
    )
    shortest: int = ranged(1, 1, 100, "how long a class must be active before it is reported", unit="steps")
    hold: int = ranged(
        1, 1, 100, "how long a class must be inactive before the end of its sound is reported", unit="steps"
    )
    onset_lag: int = ranged(0, 0, 100, "delay of the network at onsets, subtracted from their times", unit="steps")
    offset_lag: int = ranged(0, 0, 100, "delay of the network at offsets, subtracted from their times", unit="steps")
    accumulated_log_odds: float = ranged(
        0.0, 0, 1000, "sum of log-odds that makes a class active below its threshold; 0 turns this off", unit="nats"
    )
    log_odds_by_label: Mapping[str, float] | None = plain(None, "sums of log-odds of single classes, by label")
    reach: int = ranged(15, 1, 100, "how far back the beginning of such a sum may lie", unit="steps")

    def __post_init__(self) -> None:
        check(self)
        for label, value in (self.thresholds or {}).items():
            require(f"threshold of {label}", value, 0, 1)
        for label, value in (self.log_odds_by_label or {}).items():
            require(f"log-odds of {label}", value, 0, 1000)

    @property
    def wait(self) -> int:
        """Return the most steps from a change to its report: look-ahead of the median, shortest duration, lag."""
        half = self.median // 2 if self.alignment == "centred" else 0
        gathers = any((self.accumulated_log_odds, *(self.log_odds_by_label or {}).values()))
        begin = max(self.shortest, self.reach if gathers else 1) + self.onset_lag
        return half + max(begin, self.hold + self.offset_lag) - 1

    def by_threshold(self, threshold: float) -> Self:
        """Return a copy with one threshold for every class, and no accumulated log-odds."""
        return replace(self, threshold=threshold, thresholds=None, accumulated_log_odds=0.0, log_odds_by_label=None)

    def levels(self, classes: tuple[str, ...]) -> npt.NDArray[np.float32]:
        """Return the threshold of each class; ConfigError lists the classes if a label is unknown."""
        return _of_each("thresholds", classes, self.thresholds, self.threshold)

    def needs(self, classes: tuple[str, ...]) -> npt.NDArray[np.float32]:
        """Return the log-odds each class must accumulate, infinite for classes without; ConfigError as for `levels`."""
        own = _of_each("log_odds_by_label", classes, self.log_odds_by_label, self.accumulated_log_odds)
        return np.where(own > 0, own, np.float32(np.inf))


def _of_each(
    name: str, classes: tuple[str, ...], own: Mapping[str, float] | None, common: float
) -> npt.NDArray[np.float32]:
    for label in own or {}:
        if label not in classes:
            raise ConfigError(name, expected="labels among " + ", ".join(classes), got=label)
    return np.array([(own or {}).get(label, common) for label in classes], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Decision settings tuned for a network, stored in its file.

    live: decisions with a low latency
    whole: decisions for recordings, with no limit on latency
    tags: threshold of each label for tagging clips
    """

    live: DecisionConfig = field(default_factory=DecisionConfig)
    whole: DecisionConfig = field(default_factory=DecisionConfig)
    tags: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values under the names used in network files; `from_dict` reads them back."""
        decisions = {
            name: _renamed(asdict(one), FILE_NAMES) for name, one in (("live", self.live), ("whole", self.whole))
        }
        return {**decisions, "tags": dict(self.tags)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from the values of `as_dict`; ConfigError if a name or a value is invalid."""
        try:
            own_names = {file: own for own, file in FILE_NAMES.items()}
            live, whole = (
                from_mapping(DecisionConfig, _renamed(values[name], own_names)) for name in ("live", "whole")
            )
            checked = DecisionConfig(thresholds=values["tags"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigError("decisions", expected="live, whole and tags", got=str(error)) from error
        return cls(live=live, whole=whole, tags=dict(checked.thresholds or {}))


def _renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in values.items()}


class Interval(NamedTuple):
    """A labelled time interval: the unit of labels, of detections and of their comparison.

    onset_s, offset_s: seconds
    label: its class
    """

    onset_s: float
    offset_s: float
    label: str


class SoundChange(NamedTuple):
    """Beginning (`active`) or end of a class.

    step: where it begins or ends
    known: the step at which the change was decided
    label: index of the class
    active: whether it begins
    probability: 0 to 1
    """

    step: int
    known: int
    label: int
    active: bool
    probability: float


class _Rules(NamedTuple):
    """Numbers of the decision for the kernel.

    levels: (class) thresholds
    needs: (class) log-odds to accumulate
    half: steps by which the median is centred
    release, shortest, hold, reach: see `DecisionConfig`
    """

    levels: F32
    needs: F32
    half: int
    release: float
    shortest: int
    hold: int
    reach: int


class _State(NamedTuple):
    """State of the kernel.

    ring: (class, step) last probabilities
    line: (step) scratch of the median
    runs: (class, 3) active, steps in favour of a change, the step where those began
    peak: (class) largest probability of the event
    gathered: (class, 2) accumulated log-odds, the step where they began
    """

    ring: F32
    line: F32
    runs: I64
    peak: F32
    gathered: F64


class EventDecoder:
    """Take probabilities (step, class), return a list of `SoundChange`, ordered by `known`, then class.

    A class is active while the median of its probability is at or above its threshold, until it falls below `release`
    times that. It also becomes active where the log-odds of that median have accumulated to its `accumulated_log_odds`;
    the sum never falls below 0 (Page's test, Biometrika 41, 1954, which has the lowest mean detection delay at a given
    rate of false alarms). The onset of such a class is where the sum last was 0, whichever test detects it. No class is
    active before the first step.
    """

    def __init__(self, classes: tuple[str, ...], config: DecisionConfig) -> None:
        self.classes, self.config = classes, config
        half = config.median // 2 if config.alignment == "centred" else 0
        self._rules = numbers(_Rules, config, levels=config.levels(classes), needs=config.needs(classes), half=half)
        n = len(classes)
        self._state = _State(
            ring=np.zeros((n, config.median), np.float32),
            line=np.zeros(config.median, np.float32),
            runs=np.zeros((n, 3), np.int64),
            peak=np.zeros(n, np.float32),
            gathered=np.zeros((n, 2)),
        )
        self._changes = np.zeros((64, 5))
        self._n_steps = 0

    @property
    def latency(self) -> int:
        """Return the most steps by which `known` lags `step`."""
        return self.config.wait

    def process(self, probabilities: npt.NDArray[np.float32]) -> list[SoundChange]:
        """Return the changes that the next steps decide."""
        if probabilities.ndim != 2 or probabilities.shape[1] != len(self.classes):
            expected = f"(step, {len(self.classes)} classes)"
            raise ShapeError("EventDecoder", expected=expected, got=str(probabilities.shape))
        room = len(probabilities) * len(self.classes)
        if len(self._changes) < room:
            self._changes = np.zeros((room, 5))
        n = _decide(np.asarray(probabilities, np.float32), self._n_steps, self._rules, self._state, self._changes)
        self._n_steps += len(probabilities)
        earlier = self.config.offset_lag, self.config.onset_lag
        return [
            SoundChange(int(s) - earlier[int(a)], int(k), int(c), bool(a), float(p))
            for s, k, c, a, p in self._changes[:n]
        ]

    def set_threshold(self, label: str, probability: float) -> None:
        """Let this probability decide about a class from the next step on, and no sum of log-odds; kept by `reset`.

        A label that is no class is nobody's.
        """
        if label in self.classes:
            at = self.classes.index(label)
            self._rules.levels[at], self._rules.needs[at] = probability, np.inf

    def reset(self) -> None:
        """Reset to the initial state."""
        for array in self._state:
            array[:] = 0
        self._n_steps = 0


@njit(nogil=True, cache=True)
def _decide(probabilities: F32, past: int, rules: _Rules, state: _State, changes: F64) -> int:
    """Fill `changes` (change, [step, known, class, active, probability]) and return their number.

    past: number of steps before these
    """
    levels, needs, half = rules.levels, rules.needs, rules.half
    runs, peak, gathered = state.runs, state.peak, state.gathered
    n = 0
    for t in range(probabilities.shape[0]):
        now = past + t
        for c in range(probabilities.shape[1]):
            value = _median(probabilities[t, c], state.ring[c], state.line, now)
            active = runs[c, 0]
            enough = not active and _gather(value, now - half, gathered[c]) >= needs[c]
            speaks = value < rules.release * levels[c] if active else value >= levels[c]
            if speaks:
                if runs[c, 1] == 0:
                    runs[c, 2] = now - half
                runs[c, 1] += 1
            else:
                runs[c, 1] = 0
            peak[c] = max(peak[c], value) if speaks or gathered[c, 0] > 0 else np.float32(0.0)
            if enough or runs[c, 1] >= (rules.hold if active else rules.shortest):
                since = not active and needs[c] < np.inf and gathered[c, 0] > 0
                first = max(gathered[c, 1], now - half - rules.reach + 1) if since else runs[c, 2]
                changes[n, 0], changes[n, 1], changes[n, 2] = first, now, c
                changes[n, 3], changes[n, 4] = 1 - active, peak[c]
                n += 1
                runs[c, 0], runs[c, 1], peak[c], gathered[c, 0] = 1 - active, 0, np.float32(0.0), 0.0
    return n


@njit(nogil=True, cache=True)
def _median(value: Scalar32, ring: F32, line: F32, now: int) -> Scalar32:
    """Return the median of the last values, this one included."""
    width = len(ring)
    ring[now % width] = value if value >= 0 else np.float32(0.0)  # false for NaN
    line[:] = ring
    line.sort()
    return line[width // 2]


@njit(nogil=True, cache=True)
def _gather(value: Scalar32, step: int, gathered: F64) -> float:
    """Add the log-odds of a step to `gathered` [sum, step where it began]; return the sum."""
    if gathered[0] == 0:
        gathered[1] = step
    certain = min(max(float(value), SURE), 1 - SURE)
    gathered[0] = max(0.0, gathered[0] + math.log(certain / (1 - certain)))
    return float(gathered[0])
