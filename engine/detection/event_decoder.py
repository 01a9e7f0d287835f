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
SILENT, REPORTED, CONFIRMED, DOUBTED = range(4)  # stages of a class; doubted: ended, its evidence still there
COLUMNS = 6  # of a change
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
    early: Mapping[str, float] | None = plain(
        None, "lower thresholds that report a sound early, by label; it is retracted unless the threshold is reached"
    )
    confirm: int = ranged(15, 1, 100, "how long a sound reported early may stay unconfirmed", unit="steps")
    least: Mapping[str, int] | None = plain(None, "sounds that end sooner than this are retracted, by label, in steps")

    def __post_init__(self) -> None:
        check(self)
        for name, values in (("threshold", self.thresholds), ("early threshold", self.early)):
            for label, value in (values or {}).items():
                require(f"{name} of {label}", value, 0, 1)
        for label, steps in (self.least or {}).items():
            require(f"least duration of {label}", steps, 0, 1000)
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
        """Return a copy with one threshold for every class, no accumulated log-odds and nothing reported early."""
        plain_rule = replace(self, accumulated_log_odds=0.0, log_odds_by_label=None, early=None, least=None)
        return replace(plain_rule, threshold=threshold, thresholds=None)

    def levels(self, classes: tuple[str, ...]) -> npt.NDArray[np.float32]:
        """Return the threshold of each class; ConfigError lists the classes if a label is unknown."""
        return _of_each("thresholds", classes, self.thresholds, self.threshold)

    def early_levels(self, classes: tuple[str, ...]) -> npt.NDArray[np.float32]:
        """Return the probability that reports each class, at most its threshold; ConfigError as for `levels`."""
        levels = self.levels(classes)
        _of_each("early", classes, self.early, 1.0)
        own = [(self.early or {}).get(label, level) for label, level in zip(classes, levels.tolist(), strict=True)]
        return np.minimum(np.array(own, np.float32), levels)

    def shortest_true(self, classes: tuple[str, ...]) -> npt.NDArray[np.float32]:
        """Return the steps that each class lasts at least; ConfigError as for `levels`."""
        return _of_each("least", classes, self.least, 0)

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
    """Beginning (`active`), end or retraction of a class.

    step: where it begins or ends
    known: the step at which the change was decided
    label: index of the class
    active: whether it begins
    probability: 0 to 1
    retracted: whether what was reported as its beginning is taken back
    """

    step: int
    known: int
    label: int
    active: bool
    probability: float
    retracted: bool = False


class _Rules(NamedTuple):
    """Numbers of the decision for the kernel.

    levels: (class) thresholds
    early: (class) thresholds of the report
    needs: (class) log-odds to accumulate
    least: (class) steps
    half: steps by which the median is centred
    release, shortest, hold, reach, confirm: see `DecisionConfig`
    """

    levels: F32
    early: F32
    needs: F32
    least: F32
    half: int
    release: float
    shortest: int
    hold: int
    reach: int
    confirm: int


class _State(NamedTuple):
    """State of the kernel.

    ring: (class, step) last probabilities
    line: (step) scratch of the median
    runs: (class, 5) one of SILENT to DOUBTED, steps in favour of a change, the step where those began, the step where
        the sound began, the step at which it was reported
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

    With `early` a class is reported from a lower threshold on, and confirmed, silently, by the rules that follow;
    without that within `confirm` steps, or where it ends sooner, it is retracted. After an end it is not reported
    early again until its evidence has gone. So is a class that ends before its `least` duration.

    A class is active while the median of its probability is at or above its threshold, until it falls below `release`
    times that. It also becomes active where the log-odds of that median have accumulated to its `accumulated_log_odds`;
    the sum never falls below 0 (Page's test, Biometrika 41, 1954, which has the lowest mean detection delay at a given
    rate of false alarms). The onset of such a class is where the sum last was 0, whichever test detects it. No class is
    active before the first step.
    """

    def __init__(self, classes: tuple[str, ...], config: DecisionConfig) -> None:
        self.classes, self.config = classes, config
        self._rules = _rules(classes, config)
        n = len(classes)
        self._state = _State(
            ring=np.zeros((n, config.median), np.float32),
            line=np.zeros(config.median, np.float32),
            runs=np.zeros((n, 5), np.int64),
            peak=np.zeros(n, np.float32),
            gathered=np.zeros((n, 2)),
        )
        self._changes = np.zeros((64, COLUMNS))
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
            self._changes = np.zeros((room, COLUMNS))
        n = _decide(np.asarray(probabilities, np.float32), self._n_steps, self._rules, self._state, self._changes)
        self._n_steps += len(probabilities)
        earlier = self.config.offset_lag, self.config.onset_lag
        return [
            SoundChange(int(s) - earlier[int(a)], int(k), int(c), bool(a), float(p), bool(r))
            for s, k, c, a, p, r in self._changes[:n]
        ]

    def set_threshold(self, label: str, probability: float) -> None:
        """Let this probability decide about a class from the next step on, and no sum of log-odds; kept by `reset`.

        A label that is no class is nobody's.
        """
        if label in self.classes:
            at = self.classes.index(label)
            self._rules.levels[at] = self._rules.early[at] = probability
            self._rules.needs[at], self._rules.least[at] = np.inf, 0

    def reset(self) -> None:
        """Reset to the initial state."""
        for array in self._state:
            array[:] = 0
        self._n_steps = 0


def _rules(classes: tuple[str, ...], config: DecisionConfig) -> _Rules:
    by_class = {
        "levels": config.levels(classes),
        "early": config.early_levels(classes),
        "needs": config.needs(classes),
        "least": config.shortest_true(classes),
    }
    half = config.median // 2 if config.alignment == "centred" else 0
    return numbers(_Rules, config, half=half, **by_class)


@njit(nogil=True, cache=True)
def _decide(probabilities: F32, past: int, rules: _Rules, state: _State, changes: F64) -> int:
    """Fill `changes` (change, [step, known, class, active, probability, retracted]) and return their number.

    past: number of steps before these
    """
    n = 0
    for t in range(probabilities.shape[0]):
        now = past + t
        for c in range(probabilities.shape[1]):
            value = _median(probabilities[t, c], state.ring[c], state.line, now)
            n += _decide_class(value, now, c, rules, state, changes[n])
    return n


@njit(nogil=True, cache=True)
def _decide_class(value: Scalar32, now: int, c: int, rules: _Rules, state: _State, change: F64) -> int:
    """Take the next median of a class; return whether it changes, which fills `change`."""
    runs, gathered, step = state.runs[c], state.gathered[c], now - rules.half
    low, level, stage = rules.early[c], rules.levels[c], runs[0]
    active = stage in (REPORTED, CONFIRMED)
    enough = stage != CONFIRMED and _gather(value, step, gathered) >= rules.needs[c]
    if stage == REPORTED and (enough or value >= level):
        runs[0], gathered[0] = CONFIRMED, 0.0
    elif stage == DOUBTED and value < rules.release * low:
        runs[0] = SILENT
    if active:
        speaks = value < rules.release * (level if stage == CONFIRMED else low)
    else:
        speaks = value >= (level if stage == DOUBTED else low)
    if speaks and runs[1] == 0:
        runs[2] = step
    runs[1] = runs[1] + 1 if speaks else 0
    state.peak[c] = max(state.peak[c], value) if speaks or (gathered[0] > 0 and not active) else np.float32(0.0)
    expired = runs[0] == REPORTED and now - runs[4] >= rules.confirm
    if not expired and not (enough and not active) and runs[1] < (rules.hold if active else rules.shortest):
        return 0
    if active:
        first = step if expired and runs[1] < rules.hold else runs[2]
        retracted = runs[0] == REPORTED or first - runs[3] < rules.least[c]
        runs[0] = DOUBTED if value >= rules.release * low else SILENT
        gathered[0] = 0.0
    else:
        since = rules.needs[c] < np.inf and gathered[0] > 0
        first, retracted = max(gathered[1], step - rules.reach + 1) if since else runs[2], False
        runs[0], runs[3], runs[4] = CONFIRMED if enough or value >= level else REPORTED, first, now
        if runs[0] == CONFIRMED:
            gathered[0] = 0.0
    change[0], change[1], change[2], change[3] = first, now, c, 1 - active
    change[4], change[5] = state.peak[c], retracted
    runs[1], state.peak[c] = 0, np.float32(0.0)
    return 1


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
