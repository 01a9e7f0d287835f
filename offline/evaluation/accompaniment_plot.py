"""Draw a duo: the tempo of both players, and how far each onset of the accompaniment was from the human's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["draw_accompaniment"]

LIMIT_MS = 400.0  # larger differences are drawn at the edge
PACE_QUARTERS = 2.0  # span over which a tempo is taken
SAME_QUARTER = 0.02
FASTEST_BPM = 400.0  # anything above comes from a jump

Floats = npt.NDArray[np.float64]


def draw_accompaniment(
    path: Path, solo: Floats, human: Floats, played: Floats, beside: Mapping[str, Floats] | None = None
) -> None:
    """Write a PNG; every argument is rows of (quarter, seconds) by time.

    beside: other accompaniments by name, drawn thinly
    """
    figure = Figure(figsize=(12, 6), layout="constrained")
    tempo, late = figure.subplots(2, 1, sharex=True)
    for rows, name in ((solo, "solo"), (human, "human accompaniment"), (played, "accompaniment played")):
        at_s, bpm = _tempo(rows.reshape(-1, 2))
        tempo.plot(at_s, bpm, label=name, linewidth=1)
    for name, rows in (beside or {}).items():
        at_s, bpm = _tempo(rows.reshape(-1, 2))
        tempo.plot(at_s, bpm, label=name, linewidth=0.6, linestyle=":")
        points = np.array(_nearest(human, rows.reshape(-1, 2)))
        late.plot(human[:, 1], np.clip(points, -LIMIT_MS, LIMIT_MS), ".", markersize=2, label=name)
    tempo.set(ylabel="quarters a minute", title=path.stem)
    tempo.legend(loc="upper right")
    _asynchrony(late, human, played.reshape(-1, 2))
    if beside:
        late.legend(loc="upper right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, format="png")


def _tempo(rows: Floats) -> tuple[Floats, Floats]:
    """Return times and the tempo there, each over the PACE_QUARTERS before."""
    at_s, bpm = [], []
    for i, (quarter, now_s) in enumerate(rows):
        before = [j for j in range(i) if rows[j, 0] <= quarter - PACE_QUARTERS]
        if before and now_s > rows[before[-1], 1]:
            value = 60 * (quarter - rows[before[-1], 0]) / (now_s - rows[before[-1], 1])
            at_s.append(now_s)
            bpm.append(value if value < FASTEST_BPM else np.nan)
    return np.array(at_s), np.array(bpm)


def _nearest(human: Floats, played: Floats) -> list[float]:
    """Return played minus human of each human onset, ms; infinity for what was not played."""
    out = []
    for quarter, at_s in human:
        off = 1000 * (played[np.abs(played[:, 0] - quarter) < SAME_QUARTER, 1] - at_s)
        out.append(float(off[np.argmin(np.abs(off))]) if len(off) else np.inf)
    return out


def _asynchrony(axis: Axes, human: Floats, played: Floats) -> None:
    """Draw played minus human of every onset; what the human alone played is marked at the edge."""
    for at_s, off in zip(human[:, 1], _nearest(human, played), strict=True):
        missing = abs(off) > LIMIT_MS
        axis.plot(at_s, np.clip(off, -LIMIT_MS, LIMIT_MS), "x" if missing else ".", color="tab:red" if missing else "k")
    axis.axhspan(-50, 50, color="tab:green", alpha=0.15)
    axis.set(ylabel="ms after the human's own", xlabel="seconds", ylim=(-1.05 * LIMIT_MS, 1.05 * LIMIT_MS))
