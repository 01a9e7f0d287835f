"""Draw how fast each bar was played, and which slowed down, were repeated or skipped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.core.whole_file import whole_path
from offline.accompaniment.bar_report import BarRow

__all__ = ["draw_bar_report"]

COLOURS = {"": "tab:blue", "slower": "tab:red", "repeated": "tab:orange", "repeated, slower": "tab:red"}
MOST_LABELS = 40


def draw_bar_report(path: Path, rows: Sequence[BarRow]) -> None:
    """Write a PNG: a column for each bar as it was played, in order; its height is its pace against the usual one."""
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    axis = figure.subplots()
    _columns(axis, rows)
    axis.axhline(1.0, color="k", linewidth=0.8, linestyle=":")
    axis.set(ylabel="pace, 1 is the usual one", xlabel="bar, in the order of play", title=path.stem)
    with whole_path(path) as part:
        figure.savefig(part, dpi=110, format="png")


def _columns(axis: Axes, rows: Sequence[BarRow]) -> None:
    named: set[str] = set()
    for x, row in enumerate(rows):
        colour = COLOURS.get(row.remark, "0.8")
        label = row.remark if row.remark and row.remark not in named else None
        named.add(row.remark)
        height = 1.0 if np.isnan(row.relative) else row.relative
        hatch = "//" if row.time == 0 else "xx" if "repeated" in row.remark else None
        axis.bar(x, height, width=0.9, color=colour, hatch=hatch, edgecolor="w", label=label)
    step = max(-(-len(rows) // MOST_LABELS), 1)
    axis.set_xticks(range(0, len(rows), step), [str(row.bar) for row in rows[::step]])
    if named - {""}:
        axis.legend(loc="upper right")
