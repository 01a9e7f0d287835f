"""Figures 2 to 5 of FitzGerald et al. (2014): separation after each iteration, with and without the spatial model.

Kernel back-fitting of whole songs with the settings of the paper (`HpssConfig`). The figures there are of PEASS scores,
of ten excerpts of commercial songs that are not to be had; the text tells their trends, not their numbers. Without
PEASS the same curves are of signal-to-distortion ratios, which the paper does not give.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from engine.core.errors import ConfigError
from engine.core.whole_file import whole_text
from engine.separation.config import HpssConfig
from offline.evaluation.peass import PEASS, peass_scores, require_peass
from offline.evaluation.separation import SEPARATION_METRICS, hpss_scores, mean_scores, songs
from offline.separation.backfitting import separate_whole

__all__ = [
    "COVARIANCES",
    "PUBLISHED_TRENDS",
    "IterationScores",
    "iteration_range",
    "iteration_table",
    "measure_iterations",
    "write_iteration_csv",
]

MOST = 20  # iterations
COVARIANCES: Mapping[str, tuple[bool, ...]] = {"spatial": (True,), "none": (False,), "both": (False, True)}
NAMES = {True: "spatial model", False: "each channel alone"}
PARTS = ("harmonic", "percussive")
# What section IV says of each figure, by score and part.
PUBLISHED_TRENDS: Mapping[str, Mapping[str, str]] = {
    "OPS": {
        "percussive": "rises to iteration 5, then falls; spatial slightly better",
        "harmonic": "rises at 2, then drops far; spatial slightly worse",
    },
    "TPS": {"percussive": "falls; both alike", "harmonic": "falls; spatial better"},
    "IPS": {"percussive": "rises; both alike", "harmonic": "rises; spatial worse"},
    "APS": {"percussive": "falls; both alike", "harmonic": "falls; both alike"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IterationScores:
    """The mean over the songs after some iterations.

    spatial: whether the channels' covariances are modelled
    values: (metric, part) as `metrics`, harmonic and percussive
    """

    spatial: bool
    iterations: int
    metrics: tuple[str, ...]
    values: npt.NDArray[np.float64]

    @property
    def name(self) -> str:
        """The model of the channels, in words."""
        return NAMES[self.spatial]


def iteration_range(text: str) -> range:
    """Read `3` or `1..10`; ConfigError for anything else, and outside 1 to 20.

    >>> list(iteration_range("1..3"))
    [1, 2, 3]
    """
    first, _, last = text.partition("..")
    try:
        found = range(int(first), int(last or first) + 1)
    except ValueError:
        found = range(0)
    if not found or found[0] < 1 or found[-1] > MOST:
        raise ConfigError("--iterations", expected=f"N or FIRST..LAST, from 1 to {MOST}", got=repr(text))
    return found


def measure_iterations(
    folder: Path,
    iterations: Sequence[int],
    covariance: str = "both",
    *,
    peass: bool = False,
    start_s: float = 0,
    seconds: float | None = None,
) -> list[IterationScores]:
    """Measure each number of iterations over that part of every song of a folder; ConfigError without python-peass."""
    if peass:
        require_peass()
    models = [(spatial, n) for spatial in COVARIANCES[covariance] for n in iterations]
    found: dict[tuple[bool, int], list[npt.NDArray[np.float64]]] = {model: [] for model in models}
    metrics = (*SEPARATION_METRICS, *PEASS) if peass else SEPARATION_METRICS
    for name, reference, rate in songs(folder, start_s, seconds):
        for spatial, n in tqdm(models, desc=name, unit="run"):
            config = HpssConfig(iterations=n, spatial=spatial)
            estimate = separate_whole(reference.sum(axis=1), rate, config)
            scores = [hpss_scores(reference, estimate, rate)]
            if peass:
                scores.append(peass_scores(reference, estimate, rate, range(len(PARTS))).T)
            found[spatial, n].append(np.concatenate(scores))
    return [
        IterationScores(spatial=spatial, iterations=n, metrics=metrics, values=mean_scores(values))
        for (spatial, n), values in found.items()
    ]


def _rows(scores: Sequence[IterationScores]) -> Iterator[list[str]]:
    yield ["model", "iterations", *(f"{metric} {part}" for metric in scores[0].metrics for part in PARTS)]
    for each in scores:
        yield [each.name, str(each.iterations), *(f"{value:.2f}" for value in each.values.flatten())]


def iteration_table(scores: Sequence[IterationScores]) -> str:
    """Format the means over the songs as Markdown, and below them what the paper says of the same curves."""
    header, *rows = (f"| {' | '.join(cells)} |" for cells in _rows(scores))
    lines = [header, "|---" * (header.count("|") - 1) + "|", *rows]
    known = [metric for metric in scores[0].metrics if metric in PUBLISHED_TRENDS]
    told = [
        f"published, {metric} {part}: {text}" for metric in known for part, text in PUBLISHED_TRENDS[metric].items()
    ]
    return "\n".join([*lines, "", *(told or ["The paper gives PEASS scores alone: add --peass to compare."])])


def write_iteration_csv(path: Path, scores: Sequence[IterationScores]) -> None:
    """Write the table."""
    with whole_text(path) as file:
        file.writelines(",".join(cells) + "\n" for cells in _rows(scores))
