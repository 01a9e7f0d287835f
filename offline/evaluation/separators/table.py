"""Table 2 of Sawata et al. (2021): X-UMX and other methods, the published figures beside what is measured here.

SDR of BSS Eval v4, median of frames, median of songs. Meta-TasNet has no package: its figures are the published ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from engine.core.whole_file import whole_text
from offline.evaluation.stems import STEM_METRICS, measure_stems
from offline.synthesis.multitrack import FULL_SCALE, Song, load_stems

__all__ = ["COMPARED_METHODS", "Separate", "Signals", "compared_table", "measure_compared", "write_compared_csv"]

Signals = npt.NDArray[np.float32]  # (sample, channel)
Separate = Callable[[Signals], Mapping[str, Signals]]  # a mixture into stems by name
Figures = dict[str, float]

STEMS, MEAN = ("bass", "drums", "other", "vocals"), "mean"
# Table 2, dB.
COMPARED_METHODS: Mapping[str, Mapping[str, float]] = {
    name: dict(zip((*STEMS, MEAN), figures, strict=True))
    for name, figures in {
        "X-UMX": (5.53, 6.33, 4.54, 6.50, 5.73),
        "UMX": (5.07, 6.04, 4.28, 6.25, 5.41),
        "Conv-TasNet": (5.66, 6.08, 4.37, 6.81, 5.73),
        "Meta-TasNet": (5.58, 5.91, 4.19, 6.40, 5.52),
        "Demucs": (5.83, 6.08, 4.12, 6.29, 5.58),
    }.items()
}


def measure_compared(methods: Mapping[str, Separate], songs: Sequence[Song], sample_rate: int) -> dict[str, Figures]:
    """Return the median SDR of each method and stem over the songs, and the mean over the stems, dB."""
    found: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in methods}
    for song in tqdm(songs, unit="song"):
        references = load_stems(song, STEMS, sample_rate=sample_rate).transpose(1, 0, 2).astype(np.float32)
        references /= np.float32(FULL_SCALE)
        mixture = references.sum(axis=1)
        for name, separate in methods.items():
            stems = separate(mixture)
            silence = np.zeros_like(mixture)
            estimates = np.stack([stems.get(stem, silence) for stem in STEMS], axis=1)
            values = measure_stems(references, estimates, sample_rate)[:, STEM_METRICS.index("SDR v4")]
            found[name].append(np.where([stem in stems for stem in STEMS], values, np.nan))
    return {name: _medians(np.array(rows)) for name, rows in found.items()}


def _medians(rows: npt.NDArray[np.float64]) -> Figures:
    medians = [float(np.median(known)) if len(known := column[~np.isnan(column)]) else np.nan for column in rows.T]
    return {**dict(zip(STEMS, medians, strict=True)), MEAN: float(np.mean(medians))}


def compared_table(measured: Mapping[str, Figures]) -> str:
    """Format every method of the paper as Markdown: what was measured here, in brackets what was published."""
    columns = ["method", *STEMS, MEAN]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name in dict.fromkeys((*COMPARED_METHODS, *measured)):
        lines.append(f"| {' | '.join([name, *(_cell(name, stem, measured) for stem in columns[1:])])} |")
    return "\n".join([*lines, "In brackets: published, on the test songs of MUSDB18-HQ; -: not measured here."])


def _cell(name: str, stem: str, measured: Mapping[str, Figures]) -> str:
    value, known = measured.get(name, {}).get(stem, np.nan), COMPARED_METHODS.get(name, {}).get(stem)
    own = "-" if np.isnan(value) else f"{value:.2f}"
    return own if known is None else f"{own} ({known:.2f})"


def write_compared_csv(path: Path, measured: Mapping[str, Figures]) -> None:
    """Write a row for each method and stem: measured, published; empty where there is no figure."""
    with whole_text(path) as file:
        print("method,stem,measured,published", file=file)
        for name in dict.fromkeys((*COMPARED_METHODS, *measured)):
            for stem in (*STEMS, MEAN):
                value, known = measured.get(name, {}).get(stem, np.nan), COMPARED_METHODS.get(name, {}).get(stem)
                own = "" if np.isnan(value) else f"{value:.3f}"
                print(f"{name},{stem},{own},{'' if known is None else known}", file=file)
