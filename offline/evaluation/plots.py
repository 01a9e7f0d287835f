"""Draw one picture of a run: the sound, its stems, and the path through the score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.audio.files import AudioReader
from engine.core.events import Position
from engine.core.format import FrameFormat, frame_size
from engine.core.whole_file import whole_path
from engine.dsp.stft import Stft
from offline.batch.file_job import JobReport
from offline.evaluation.onsets import PositionTrack, first_reach, read_truth, track_of

__all__ = ["bars_of", "draw_job", "draw_track"]

COLUMNS = 1200  # columns of the spectrograms, one for every pixel
ROWS = 160  # bands, spaced as hearing is
RANGE_DB = 70.0
LOW_HZ = 40.0
MAX_BAR_LABELS = 12
LIMIT_MS = 250.0  # larger errors are drawn at the edge

Floats = npt.NDArray[np.float64]
Bars = tuple[Floats, npt.NDArray[np.int64]]  # quarters where bars begin, and their numbers
Truth = tuple[Floats, Floats]  # quarters and seconds of every score onset


def draw_job(path: str | Path, report: JobReport, *, truth: Path | None = None) -> None:
    """Draw what `run_file` did; truth: CSV quarter,audio_s of the true onsets."""
    stems = [(name, file) for name, file in report.stems.items() if name != "input"]
    track = track_of(report.positions, report.audio.sample_rate) if report.positions else None
    onsets = None if truth is None else read_truth(truth)
    bars = bars_of(report.positions)
    draw_track(path, recordings=[("input", report.input), *stems], track=track, truth=onsets, bars=bars)


def bars_of(positions: Sequence[Position]) -> Bars:
    """Where each bar begins, as far as it was reached: the quarter, and its printed number."""
    starts = {
        now.quarter: now.bar
        for before, now in zip([None, *positions], positions, strict=False)
        if before is None or (now.bar != before.bar and now.quarter > before.quarter)
    }
    quarters = sorted(starts)
    return np.array(quarters), np.array([starts[quarter] for quarter in quarters], np.int64)


def draw_track(
    path: str | Path,
    *,
    recordings: Sequence[tuple[str, Path]],
    track: PositionTrack | None = None,
    truth: Truth | None = None,
    bars: Bars | None = None,
) -> None:
    """Write a PNG: one spectrogram a recording (title, file), and the followed position over time below them.

    track: the followed positions, with their confidence where it is known
    truth: quarters and seconds of the score's onsets, drawn with the error of each
    bars: the quarters where bars begin, and their numbers, as labels of the position
    """
    n_rows = len(recordings) + (track is not None) * (2 if truth is not None else 1)
    figure = Figure(figsize=(12, 2.3 * n_rows + 0.6), layout="constrained")
    axes = figure.subplots(n_rows, 1, sharex=True, squeeze=False)[:, 0]
    for axis, (title, file) in zip(axes, recordings, strict=False):
        _spectrogram(axis, title, file)
    if track is not None:
        _path(axes[len(recordings)], track, truth)
        _bars(axes[len(recordings)], bars)
        if truth is not None:
            _errors(axes[-1], track, truth)
    axes[-1].set_xlabel("seconds")
    with whole_path(path) as part:
        figure.savefig(part, dpi=110, format="png")


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
    """Return the peak level of every band in every column, (column, band), and the bands' edges in Hz."""
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


def _path(axis: Axes, track: PositionTrack, truth: Truth | None) -> None:
    axis.plot(track.at_s, track.quarter, label="followed", color="tab:blue")
    if truth is not None:
        axis.plot(truth[1], truth[0], ".", label="true", color="tab:orange", markersize=3)
    axis.set(ylabel="quarter notes", title="position in the score")
    _confidence(axis, track)
    axis.legend(loc="upper left")
    axis.grid(alpha=0.3)


def _confidence(axis: Axes, track: PositionTrack) -> None:
    if track.confidence is None:
        return
    right = axis.twinx()
    right.fill_between(track.at_s, track.confidence, color="tab:gray", alpha=0.25, linewidth=0, step="mid")
    right.set(ylim=(0, 1), ylabel="confidence (grey)")


def _bars(axis: Axes, bars: Bars | None) -> None:
    """Name the position by bar numbers instead of quarters."""
    if bars is None or not len(bars[0]):
        return
    step = -(-len(bars[0]) // MAX_BAR_LABELS)
    axis.set_yticks(bars[0][::step], labels=[str(number) for number in bars[1][::step]])
    axis.set(ylabel="bar")


def _errors(axis: Axes, track: PositionTrack, truth: Truth) -> None:
    quarter, audio_s = truth
    error_ms = 1000 * (first_reach(track, quarter) - audio_s)
    axis.axhspan(-50, 50, color="tab:green", alpha=0.15, label="within 50 ms")
    axis.plot(audio_s, np.clip(error_ms, -LIMIT_MS, LIMIT_MS), ".", color="tab:blue")
    axis.set(ylabel="ms", title="error of every onset (late is up)", ylim=(-1.04 * LIMIT_MS, 1.04 * LIMIT_MS))
    axis.legend(loc="upper left")
    axis.grid(alpha=0.3)
