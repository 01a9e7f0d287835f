"""Learning curves as a picture: what a run's curves.jsonl holds, training and validation, against minutes."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.core.errors import EngineError

__all__ = ["draw", "main", "read"]

SMOOTH = 0.9  # of the training figures, line to line


def read(path: Path, kind: str) -> dict[str, tuple[list[float], list[float]]]:
    """Minutes and values of every figure of a kind, `train` or `valid`; a last line cut short is left out."""
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise EngineError(str(path), expected="curves of a training run", got=error.strerror or "an error") from error
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for line in filter(None, map(_parse, lines)):
        for name, value in line.get(kind, {}).items():
            minutes, values = curves.setdefault(name, ([], []))
            minutes.append(line["trained_s"] / 60)
            values.append(value)
    return curves


def _parse(line: str) -> dict[str, Any] | None:
    try:
        return json.loads(line)
    except ValueError:
        return None


def draw(folder: Path, target: Path) -> None:
    """Write a PNG with the training figures above and the validation figures below."""
    figure = Figure(figsize=(8, 7), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    _panel(upper, {name: _smoothed(*curve) for name, curve in read(folder / "curves.jsonl", "train").items()})
    _panel(lower, read(folder / "curves.jsonl", "valid"))
    upper.set_title(f"{folder.name}: training, smoothed")
    lower.set(title="validation, averaged weights", xlabel="minutes")
    figure.savefig(target, dpi=120)


def _smoothed(minutes: list[float], values: list[float]) -> tuple[list[float], list[float]]:
    out = values[:1]
    for value in values[1:]:
        out.append(SMOOTH * out[-1] + (1 - SMOOTH) * value)
    return minutes, out


def _panel(axes: Axes, curves: dict[str, tuple[list[float], list[float]]]) -> None:
    for name, (minutes, values) in curves.items():
        axes.plot(minutes, values, label=name, marker="." if len(values) < 40 else None)
    axes.grid(alpha=0.3)
    if curves:
        axes.legend(fontsize="small", ncols=2)


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m offline.training.common.curves FOLDER`: writes FOLDER/curves.png."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of a training run")
    args = parser.parse_args(arguments)
    draw(args.folder, args.folder / "curves.png")
    print(args.folder / "curves.png")


if __name__ == "__main__":
    main()
