"""One picture of what happened: the sound, its stems, and the path through the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.dsp.stft import Stft
from engine.events import Position
from engine.format import FrameFormat, frame_size
from engine.io.files import AudioReader

__all__ = ["Truth", "draw"]

COLUMNS = 1200  # of the pictures of spectra: a column for every pixel
ROWS = 160  # bands, spaced as the ear does
RANGE_DB = 70.0
LOW_HZ = 40.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Where each score onset really sounds: quarter notes and seconds, of equal length."""

    quarter: Floats
    audio_s: Floats


def draw(
    path: str | Path,
    *,
    recordings: Sequence[tuple[str, Path]],
    positions: Sequence[Position] = (),
    sample_rate: int = 1,
    truth: Truth | None = None,
) -> None:
    """Write a PNG: one spectrogram a recording (title, file), and the followed position over time below them.

    positions: as they came, at `sample_rate` Hz; truth: drawn beside them, with the error, where it is known.
    """
    n_rows = len(recordings) + bool(positions) + (truth is not None and bool(positions))
    figure = Figure(figsize=(12, 2.3 * n_rows + 0.6), layout="constrained")
    axes = figure.subplots(n_rows, 1, sharex=True, squeeze=False)[:, 0]
    for axis, (title, file) in zip(axes, recordings, strict=False):
        _spectrogram(axis, title, file)
    if positions:
        _path(axes[len(recordings)], positions, sample_rate, truth)
    if positions and truth is not None:
        _errors(axes[-1], positions, sample_rate, truth)
    axes[-1].set_xlabel("seconds")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, format="png")


def _spectrogram(axis: Axes, title: str, file: Path) -> None:
    with AudioReader(file) as reader:
        levels, edges_hz = _levels_db(reader)
        end_s = reader.format.seconds(reader.n_samples)
    top = levels.max(initial=-200.0)
    axis.pcolormesh(
        np.linspace(0, end_s, levels.shape[0] + 1),
        edges_hz,
        levels.T,
        vmin=top - RANGE_DB,
        vmax=top,
        cmap="magma",
        rasterized=True,
    )
    axis.set(yscale="log", ylim=(edges_hz[0], edges_hz[-1]), ylabel="Hz", title=title)


def _levels_db(reader: AudioReader) -> tuple[Floats, Floats]:
    """Peak level of every band in every column, (column, band), and the bands' edges in Hz; bounded memory."""
    n_fft = frame_size(reader.format.sample_rate, at_44k1=2048)
    frames = FrameFormat(audio=reader.format, n_fft=n_fft, hop=n_fft // 2)
    stft = Stft(frames)
    edges_hz = np.geomspace(LOW_HZ, reader.format.sample_rate / 2, ROWS + 1)
    bins = np.clip((edges_hz * n_fft / reader.format.sample_rate).round().astype(int), 0, frames.n_bins - 1)
    n_columns = min(COLUMNS, max(1, reader.n_samples // frames.hop))
    power = np.zeros((n_columns, ROWS))
    t = 0
    for block in reader.blocks():
        for frame in np.abs(stft.process(block)).max(axis=1) ** 2:
            column = min(n_columns - 1, t * frames.hop * n_columns // max(reader.n_samples, 1))
            bands = np.maximum.reduceat(frame, bins[:-1])
            np.maximum(power[column], bands, out=power[column])
            t += 1
    return 10 * np.log10(power + 1e-12), edges_hz


def _path(axis: Axes, positions: Sequence[Position], sample_rate: int, truth: Truth | None) -> None:
    at_s = [p.at / sample_rate for p in positions]
    axis.plot(at_s, [p.quarter for p in positions], label="followed", color="tab:blue")
    if truth is not None:
        axis.plot(truth.audio_s, truth.quarter, ".", label="true", color="tab:orange", markersize=3)
    axis.set(ylabel="quarter notes", title="position in the score")
    axis.legend(loc="upper left")
    axis.grid(alpha=0.3)


def _errors(axis: Axes, positions: Sequence[Position], sample_rate: int, truth: Truth) -> None:
    """The error of every score onset: when the followed position first reached it, less when it sounded."""
    at_s = np.array([p.at / sample_rate for p in positions])
    reached = np.maximum.accumulate([p.quarter for p in positions])
    first = np.searchsorted(reached, truth.quarter - 1e-6)
    found = first < len(at_s)
    errors_ms = 1000 * (at_s[first[found]] - truth.audio_s[found])
    axis.axhspan(-50, 50, color="tab:green", alpha=0.15, label="within 50 ms")
    axis.plot(truth.audio_s[found], errors_ms, ".", color="tab:blue")
    axis.set(ylabel="ms", title="error of every onset (late is up)", ylim=(-250, 250))
    axis.legend(loc="upper left")
    axis.grid(alpha=0.3)
