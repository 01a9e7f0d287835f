"""Align a performance that leaves parts out, plays parts again, or leaves the piece at times.

Coarse features, a few frames a second, are enough to find which parts are played: `jump_warp` returns the segments.
Each can then be aligned finely with `offline.alignment.dtw.exact.warp`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, check, choice, plain, ranged
from engine.core.errors import ConfigError
from offline.alignment.dtw.exact import METRICS, Features, Floats, Ints, checked
from offline.alignment.dtw.jump_kernels import BEFORE, REST, RESUMED, SETTLED, STAYED, JumpPrices, sweep, young_path

__all__ = ["JumpConfig", "JumpWarping", "Link", "PlayedSegment", "jump_warp"]

PAIRS = 4096  # pairs of frames, to measure the distance of unrelated music


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Settings):
    """A jump that the structure of the piece suggests; both frames give or take `JumpConfig.slack`."""

    leave: int = ranged(MISSING, 0, 1 << 40, "reference frame after which it leaves")
    enter: int = ranged(MISSING, 0, 1 << 40, "reference frame that it goes to")
    price: float = ranged(1.0, 0, 1e6, "price, as `JumpConfig.jump`")


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpConfig(Settings):
    """What jumps cost; the unit of all prices is the distance between unrelated frames, which is measured.

    Steps pass 0 to 3 reference frames a live frame.
    """

    metric: str = choice("cosine", METRICS, "distance of two frames")
    centred: bool = plain(True, "subtract the mean of each frame, so that flat noise is far from all music")
    jump: float = ranged(6.0, 0, 1e6, "price of a jump from anywhere to anywhere, and of another beginning")
    leave: float = ranged(3.0, 0, 1e6, "price of leaving the music, half of it credited to a jump from there")
    elsewhere: float = ranged(0.45, 0, 1e6, "price of a live frame that is nowhere in the reference")
    sway: float = ranged(0.1, 0, 1e6, "price of each frame by which a step differs from one to one")
    least: int = ranged(8, 1, 4096, "shortest segment", unit="live frames")
    slack: int = ranged(2, 0, 4096, "frames by which links and the beginning may be missed")

    def __post_init__(self) -> None:
        check(self)
        if self.leave > self.jump:
            raise ConfigError("leave", expected=f"at most jump, {self.jump}", got=str(self.leave))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedSegment:
    """Live frames and the reference frames that they play without a jump.

    live: first frame and last + 1
    reference: first frame and last + 1; None where something else is played
    """

    live: tuple[int, int]
    reference: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpWarping:
    """Which parts were played.

    segments: in order of time, without gaps
    places: (live frame) reference frame, -1 elsewhere
    cost: of the whole path
    """

    segments: tuple[PlayedSegment, ...]
    places: Ints
    cost: float


def jump_warp(
    reference: Features, live: Features, config: JumpConfig | None = None, links: Sequence[Link] = ()
) -> JumpWarping:
    """Find which parts of the reference are played when; features (frame, feature) float32, a few frames a second.

    Takes one byte for every pair of frames: an hour against an hour at three frames a second takes 120 MB.
    Errors as for `offline.alignment.dtw.exact.warp`, and ConfigError for a link beyond the reference.
    """
    config = config or JumpConfig()
    reference, live = checked(reference, live)
    for link in links:
        if max(link.leave, link.enter) >= len(reference):
            raise ConfigError("links", expected=f"frames below {len(reference)}", got=f"{link.leave}, {link.enter}")
    return _Search(_prepared(reference, config), _prepared(live, config), config, links).result()


def _prepared(features: Features, config: JumpConfig) -> Features:
    if config.centred:
        features = features - features.mean(axis=1, keepdims=True)
    if config.metric != "cosine":
        return features
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    return (features / np.where(norms > 0, norms, np.float32(1))).astype(np.float32, copy=False)


def _unit(reference: Features, live: Features, metric: str) -> float:
    """Return the median distance of random pairs of frames; 1 if all are equal."""
    rng = np.random.default_rng(0)
    x, y = (features[rng.integers(0, len(features), PAIRS)].astype(np.float64) for features in (reference, live))
    if metric == "cosine":
        apart = 1.0 - (x * y).sum(axis=1)
    else:
        apart = np.linalg.norm(x - y, ord=2 if metric == "euclidean" else 1, axis=1)
    return float(np.median(apart)) or 1.0


class _Search:
    """One search: forward, then back along the cheapest path."""

    def __init__(self, reference: Features, live: Features, config: JumpConfig, links: Sequence[Link]) -> None:
        self._metric = METRICS[config.metric]
        self._x, self._y = np.ascontiguousarray(reference.T), live
        unit = _unit(reference, live, config.metric)
        self._prices = JumpPrices(**{name: unit * getattr(config, name) for name in JumpPrices._fields})
        self._least, self._slack = min(config.least, len(live)), config.slack
        self._links = np.array([[link.leave, link.enter] for link in links], np.int64).reshape(-1, 2)
        self._link_prices = unit * np.array([link.price for link in links], np.float64)
        self._places = np.full(len(live), -1, np.int64)
        self._begins: list[int] = []  # live frames at which segments begin

    def result(self) -> JumpWarping:
        """Search, and return the segments."""
        shape = len(self._y), self._x.shape[1]
        self._back = np.zeros(shape, np.uint8)
        self._entries = np.empty((shape[0], 1 + len(self._links)))
        self._sources = np.zeros((shape[0], 1 + len(self._links), 2), np.int64)
        wanted = self._prices, self._least, self._links, self._link_prices, self._slack
        written = self._back, self._entries, self._sources
        settled, rest = sweep(self._metric, self._x, self._y, *wanted, *written)
        cost, resting, i = self._end(settled, rest)
        if i >= 0:
            self._trace(resting, i)
        return JumpWarping(segments=self._segments(), places=self._places, cost=cost)

    def _end(self, settled: Floats, rest: Floats) -> tuple[float, bool, int]:
        """Return cost, whether the path ends outside the music, and where: -1 if nothing of the reference matches."""
        i, k = int(np.argmin(settled)), int(np.argmin(rest))
        ends = [(settled[i], False, i), (rest[k], True, k)]
        cost, resting, place = min([*ends, (len(self._y) * self._prices.elsewhere, True, -1)])
        return float(cost), resting, place

    def _trace(self, resting: bool, i: int) -> None:
        j = len(self._y) - 1
        while j >= 0:
            code = int(self._back[j, i])
            if resting:
                resting = code >= STAYED
                j -= 1
                continue
            self._places[j] = i
            code %= STAYED
            if code == SETTLED:
                j, kind, i = self._trace_young(j, i)
                if kind == BEFORE:
                    return
                resting = kind == REST
            elif code >= RESUMED:
                self._begins.append(j)
                i, j, resting = i - (code - RESUMED), j - 1, True
            else:
                i, j = i - code, j - 1

    def _trace_young(self, j: int, i: int) -> tuple[int, int, int]:
        """Go back through the first frames of a segment; return the live frame before it, what was there, and where."""
        first = j - self._least + 1
        begin = first * self._prices.elsewhere + (self._prices.leave if first else 0.0)
        general, links = float(self._entries[first, 0]), self._entries[first, 1:]
        frames = self._metric, self._x, self._y[first : j + 1]
        ways = begin, general, links, self._links[:, 1], self._slack
        places = young_path(*frames, self._prices.sway, *ways, i)
        self._places[first : j + 1] = places
        self._begins.append(first)
        if places[0] <= self._slack and begin <= min(general, *(links[self._near(places[0])]), np.inf):
            return first - 1, BEFORE, 0
        costs = np.append(general, np.where(self._near(places[0]), links, np.inf))
        kind, place = self._sources[first, int(np.argmin(costs))]
        return first - 1, int(kind), int(place)

    def _near(self, place: int) -> npt.NDArray[np.bool_]:
        """Return which links lead there."""
        return np.abs(self._links[:, 1] - place) <= self._slack

    def _segments(self) -> tuple[PlayedSegment, ...]:
        for first, stop in self._parts():  # a short resumption is chance
            if stop - first < self._least:
                self._places[first:stop] = -1
        return tuple(self._segment(first, stop) for first, stop in self._parts())

    def _parts(self) -> list[tuple[int, int]]:
        """Return first live frame and last + 1 of every stretch that is played, or not played, without a break."""
        away = self._places < 0
        begins = [j for j in self._begins if not away[j]]
        return list(pairwise(sorted({0, len(away), *begins, *(np.flatnonzero(np.diff(away)) + 1).tolist()})))

    def _segment(self, first: int, stop: int) -> PlayedSegment:
        places = self._places[first:stop]
        reference = None if places[0] < 0 else (int(places[0]), int(places[-1]) + 1)
        return PlayedSegment(live=(first, stop), reference=reference)
