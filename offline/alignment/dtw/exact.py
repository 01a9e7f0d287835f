"""Exact dynamic time warping of two feature sequences, optionally inside a band and with open ends.

`warp` finds the best path in linear memory: no matrix of distances or costs is ever held whole. Conventions and costs
equal those of librosa.sequence.dtw for every option that both have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, check, choice, plain, ranged, require
from engine.core.errors import ConfigError, ShapeError
from offline.alignment.dtw.path import edge, path_cost
from offline.alignment.dtw.strip import CITYBLOCK, COSINE, EUCLIDEAN
from offline.alignment.dtw.tiles import Packed, Region, Solved, WarpTask, available_threads, solve_region

__all__ = ["METRICS", "DtwConfig", "Warping", "band_around", "sakoe_chiba", "warp"]

Features = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

METRICS = {"cosine": COSINE, "euclidean": EUCLIDEAN, "cityblock": CITYBLOCK}
OPEN = ("none", "reference", "live", "longer")
MOST_WEIGHT = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class DtwConfig(Settings):
    """What a path costs and where it may go.

    A step (1, 1), (1, 0) or (0, 1) of (reference, live) costs its weight_mul times the distance of the cell that it
    leads to, plus its weight_add; the first cell of a path costs its distance alone.
    """

    metric: str = choice(
        "cosine", METRICS, "distance of two frames: cosine (a frame of zeros is at 1 from all), euclidean or cityblock"
    )
    weights_mul: tuple[float, float, float] = plain((1.0, 1.0, 1.0), "factors of the steps (1, 1), (1, 0), (0, 1)")
    weights_add: tuple[float, float, float] = plain((0.0, 0.0, 0.0), "prices of the steps (1, 1), (1, 0), (0, 1)")
    open_begin: str = choice("none", OPEN, "sequence in which the path may begin anywhere, at no cost")
    open_end: str = choice("none", OPEN, "sequence in which the path may end anywhere, at no cost")
    radius: int | None = ranged(None, 1, 1 << 40, "radius of the Sakoe-Chiba band; None for no band", unit="frames")
    n_threads: int = ranged(0, 0, 1024, "threads; 0 for one a core")

    def __post_init__(self) -> None:
        check(self)
        if {self.open_begin, self.open_end} in ({"reference", "live"}, {"longer", "live"}, {"longer", "reference"}):
            raise ConfigError(
                "open_end",
                expected=f"none or {self.open_begin}, as open_begin",
                got=repr(self.open_end),
                remedy="open in different sequences, a path of a single cell would be the best",
            )
        _require_three("weights_mul", self.weights_mul, 1 / MOST_WEIGHT)  # 0 times an infinite distance is nothing
        _require_three("weights_add", self.weights_add, -MOST_WEIGHT)

    @property
    def weights(self) -> Floats:
        """Return all six: multiplied, then added."""
        return np.array([*self.weights_mul, *self.weights_add], np.float64)


def _require_three(name: str, weights: tuple[float, ...], low: float) -> None:
    if len(weights) != 3:
        raise ConfigError(name, expected="three numbers, for (1, 1), (1, 0) and (0, 1)", got=repr(weights))
    for weight in weights:
        require(name, weight, low, MOST_WEIGHT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Warping:
    """The best path.

    path: (pair, 2) int64, reference and live frame, in order of time
    cost: what it costs
    """

    path: Ints
    cost: float


def warp(reference: Features, live: Features, config: DtwConfig | None = None, band: Ints | None = None) -> Warping:
    """Align two sequences of features (frame, feature) float32 by the best path.

    band: (reference frame, 2) int64, first live frame that a path may pass and last + 1, not falling; equal
    where it may pass none; used together with `config.radius`.
    Memory besides the features is a few hundred times the frames of both, time is their product.
    ShapeError for empty, non-finite or different features or an invalid band; ConfigError if no path fits into it.
    """
    config = config or DtwConfig()
    reference, live = checked(reference, live)
    task = _task(reference, live, config, _confined(reference, live, config, band))
    begins, ends = (_sides(opening, reference, live) for opening in (config.open_begin, config.open_end))
    (row, row_begun), (column, column_begun) = _edges(task, begins)
    bottom, right, solved = _far_sides(task, row, column)
    i, j = _end(bottom, right, ends)
    parts: list[Ints] = []
    if solved is not None and i and j:
        i, j = solved.trace(i, j, parts)
    first = row_begun[j] if i == 0 else column_begun[i]
    parts.append(_along(int(first), max(i, j), axis=1 if i == 0 else 0))
    path = np.concatenate(parts)[::-1].copy()
    return Warping(path=path, cost=path_cost(task.metric, task.weights, *task.frames, path))


def checked(reference: Features, live: Features) -> tuple[Features, Features]:
    """Return both as rows of float32; ShapeError if they are not features of the same kind."""
    both = []
    for name, features in (("reference", reference), ("live", live)):
        array = np.ascontiguousarray(features, np.float32)
        if array.ndim != 2 or 0 in array.shape:
            raise ShapeError(
                name, expected="features (frame, feature), one or more of each", got=f"shape {array.shape}"
            )
        if not np.isfinite(array).all():
            n = int((~np.isfinite(array)).any(axis=1).sum())
            raise ShapeError(name, expected="finite numbers", got=f"{n} frames with NaN or infinity")
        both.append(array)
    if both[0].shape[1] != both[1].shape[1]:
        raise ShapeError("live", expected=f"{both[0].shape[1]} features, as the reference", got=str(both[1].shape[1]))
    return both[0], both[1]


def sakoe_chiba(n_reference: int, n_live: int, radius: int) -> Ints:
    """Return the band (reference frame, 2) within `radius` frames of the diagonals of both ends, for `warp`.

    As librosa.util.fill_off_diagonal, whose radius is a share of the shorter sequence.
    """
    i, offset = np.arange(n_reference), n_live - n_reference
    low, high = i - radius + 1 + min(offset, 0), i + radius + max(offset, 0)
    return np.stack([low, high], axis=1).clip(0, n_live).astype(np.int64)


def band_around(path: Ints, n_reference: int, n_live: int, radius: int) -> Ints:
    """Return the band (reference frame, 2) within `radius` frames, both ways, of a path (pair, 2), for `warp`."""
    first, last = int(path[0, 0]), int(path[-1, 0])
    rows = np.arange(n_reference)
    begin = np.searchsorted(path[:, 0], np.clip(rows - radius, first, last), "left")
    end = np.searchsorted(path[:, 0], np.clip(rows + radius, first, last), "right") - 1
    band = np.stack([path[begin, 1] - radius, path[end, 1] + radius + 1], axis=1).clip(0, n_live)
    band[(rows < first - radius) | (rows > last + radius)] = 0
    return band.astype(np.int64)


def _task(reference: Features, live: Features, config: DtwConfig, band: Ints | None) -> WarpTask:
    scales = [_scale(features, config.metric) for features in (reference, live)]
    if band is None:
        band = np.repeat(np.array([[0, len(live)]], np.int64), len(reference), axis=0)
    return WarpTask(
        metric=METRICS[config.metric],
        weights=config.weights,
        x=reference,
        y=live,
        scale_x=scales[0],
        scale_y=scales[1],
        low=np.ascontiguousarray(band[:, 0]),
        high=np.ascontiguousarray(band[:, 1]),
        banded=bool((band != (0, len(live))).any()),
        n_threads=config.n_threads or available_threads(),
        packed=Packed((reference, scales[0]), (live, scales[1]), config.weights),
    )


def _scale(features: Features, metric: str) -> Floats:
    """Return the factors that make cosine a scalar product: rows of length 1; zeros stay zeros."""
    if metric != "cosine":
        return np.ones(len(features))
    norms = np.sqrt(np.einsum("ij,ij->i", features, features, dtype=np.float64))
    return 1.0 / np.where(norms > 0, norms, np.inf)


def _confined(reference: Features, live: Features, config: DtwConfig, band: Ints | None) -> Ints | None:
    """Return the given band within that of the settings."""
    n, m = len(reference), len(live)
    if band is not None:
        band = np.asarray(band, np.int64)
        if band.shape != (n, 2) or (band < 0).any() or (band > m).any() or (band[:, 0] > band[:, 1]).any():
            raise ShapeError("band", expected=f"({n}, 2), 0 <= first <= after the last <= {m}", got=f"{band.shape}")
    if config.radius is None:
        return band
    fixed = sakoe_chiba(n, m, config.radius)
    if band is None:
        return fixed
    low = np.maximum(fixed[:, 0], band[:, 0])
    return np.stack([low, np.maximum(low, np.minimum(fixed[:, 1], band[:, 1]))], axis=1)


def _sides(opening: str, reference: Features, live: Features) -> tuple[bool, bool]:
    """Return whether the path may leave out frames of the reference, and of the live sequence."""
    if opening == "longer":
        opening = "reference" if len(reference) > len(live) else "live"
    return opening == "reference", opening == "live"


def _edges(task: WarpTask, begins: tuple[bool, bool]) -> tuple[tuple[Floats, Ints], tuple[Floats, Ints]]:
    """Return accumulated costs, and where the paths began, of the first row and of the first column."""
    live = np.arange(len(task.y))
    in_row = (live >= task.low[0]) & (live < task.high[0])
    in_column = (task.low <= 0) & (task.high > 0)
    x, y, w = task.x[0] * task.scale_x[0], task.y[0] * task.scale_y[0], task.weights
    row = edge(task.metric, x, task.y, task.scale_y, in_row, w[[2, 5]], begins[1])
    column = edge(task.metric, y, task.x, task.scale_x, in_column, w[[1, 4]], begins[0])
    return row, column


def _far_sides(task: WarpTask, row: Floats, column: Floats) -> tuple[Floats, Floats, Solved | None]:
    """Return accumulated costs of the last row and column, and the region between if there is one."""
    if len(row) == 1 or len(column) == 1:
        return (row, row[-1:], None) if len(column) == 1 else (column[-1:], column, None)
    inner = Region(rows=range(1, len(column)), columns=range(1, len(row)), top=row, left=column[1:])
    solved = solve_region(task, inner)
    return np.append(column[-1], solved.bottom), np.append(row[-1], solved.right), solved


def _end(bottom: Floats, right: Floats, ends: tuple[bool, bool]) -> tuple[int, int]:
    """Return the last cell of the path."""
    i = int(np.argmin(right)) if ends[0] else len(right) - 1
    j = int(np.argmin(bottom)) if ends[1] else len(bottom) - 1
    if not np.isfinite(right[i] if ends[0] else bottom[j]):
        raise ConfigError("band", expected="one that a path fits into", got="no path", remedy="widen it")
    return i, j


def _along(first: int, last: int, *, axis: int) -> Ints:
    """Return the way back from `last` to `first` along the first row (axis 1) or column (axis 0)."""
    cells = np.zeros((last - first + 1, 2), np.int64)
    cells[:, axis] = np.arange(last, first - 1, -1)
    return cells
