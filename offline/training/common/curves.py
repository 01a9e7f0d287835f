"""Learning curves as a picture: what a run's curves.jsonl holds, training and validation, against minutes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.core.errors import EngineError
from engine.core.whole_file import whole_path
from offline.training.common.config import PlotConfig

__all__ = ["CURVES", "plot_curves", "read_curves"]

CURVES = "curves.jsonl"
SMOOTH = 0.9  # share of the line before that a training figure keeps

Curve = tuple[list[float], list[float]]


def read_curves(path: Path, kind: str) -> dict[str, Curve]:
    """Read minutes and values of every figure of a kind, `train` or `valid`; a last line cut short is left out."""
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise EngineError(str(path), expected="curves of a training run", got=error.strerror or "an error") from error
    curves: dict[str, Curve] = {}
    for line in filter(None, map(_parse, lines)):
        for name, value in line.get(kind, {}).items():
            minutes, values = curves.setdefault(name, ([], []))
            minutes.append(line["trained_s"] / 60)
            values.append(value)
    return curves


def _parse(line: str) -> dict[str, Any] | None:
    try:
        parsed: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return parsed


def plot_curves(config: PlotConfig) -> Path:
    """Draw the training figures above and the validation figures below; return the picture's path."""
    target = config.output or config.folder / "curves.png"
    figure = Figure(figsize=(8, 7), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    curves = read_curves(config.folder / CURVES, "train")
    _panel(upper, {name: _smoothed(*curve) for name, curve in curves.items()})
    _panel(lower, read_curves(config.folder / CURVES, "valid"))
    upper.set_title(f"{config.folder.name}: training, smoothed")
    lower.set(title="validation, averaged weights", xlabel="minutes")
    with whole_path(target) as part:
        figure.savefig(part, dpi=120)
    return target


def _smoothed(minutes: list[float], values: list[float]) -> Curve:
    out = values[:1]
    for value in values[1:]:
        out.append(SMOOTH * out[-1] + (1 - SMOOTH) * value)
    return minutes, out


def _panel(axes: Axes, curves: dict[str, Curve]) -> None:
    for name, (minutes, values) in curves.items():
        axes.plot(minutes, values, label=name, marker="." if len(values) < 40 else None)
    axes.grid(alpha=0.3)
    if curves:
        axes.legend(fontsize="small", ncols=2)
