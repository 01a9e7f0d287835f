"""Draw Figures 2 to 5 of FitzGerald et al. (2014) of what was measured, with the published trend in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.core.whole_file import whole_path
from offline.evaluation.hpss_iterations import PUBLISHED_TRENDS, IterationScores

__all__ = ["draw_iterations"]

FIGURES = {"OPS": "figure2", "TPS": "figure3", "IPS": "figure4", "APS": "figure5"}
PANELS = ("percussive", "harmonic")  # left and right, as there
COLUMNS = {"harmonic": 0, "percussive": 1}  # of the scores
COLOURS = {True: "red", False: "black"}


def draw_iterations(folder: Path, scores: Sequence[IterationScores]) -> list[Path]:
    """Write a picture for each metric, of the paper's own name where it has one: figure2.png is of OPS."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for metric in scores[0].metrics:
        figure = Figure(figsize=(10, 4), layout="constrained")
        for axes, part in zip(figure.subplots(1, 2), PANELS, strict=True):
            _panel(axes, scores, metric, part)
        path = folder / f"{FIGURES.get(metric, metric.lower().replace(' ', '-'))}.png"
        with whole_path(path) as partial:
            figure.savefig(partial, format="png")
        paths.append(path)
    return paths


def _panel(axes: Axes, scores: Sequence[IterationScores], metric: str, part: str) -> None:
    row = scores[0].metrics.index(metric)
    for spatial, colour in COLOURS.items():
        own = sorted((each for each in scores if each.spatial == spatial), key=lambda each: each.iterations)
        if own:
            values = [each.values[row, COLUMNS[part]] for each in own]
            axes.plot([each.iterations for each in own], values, "o-", color=colour, label=own[0].name)
    trend = PUBLISHED_TRENDS.get(metric, {}).get(part)
    axes.set_title(f"{metric}, {part}" + (f"\npublished: {trend}" if trend else "\n(not in the paper)"), fontsize=9)
    axes.set_xlabel("iterations")
    axes.legend(fontsize=8)
