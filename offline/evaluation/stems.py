"""Evaluate the stems of networks over folders of stems, beside the mixture and the ideal ratio mask.

For each target: SI-SDR and its gain over the mixture, global SDR, and SDR of BSS Eval v4 (median of windows of a
second). The table gives the median over the songs, as the campaigns do, and the mean of the gains. Networks run as they
do live, block by block. Targets that a song's stems do not tell apart are evaluated as one; so are those that a network
does not know and has in `other`, which the networks that do know them are then measured by as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from engine.core.errors import ConfigError
from engine.core.format import FrameFormat
from engine.core.processor import Chain
from engine.core.whole_file import whole_text
from engine.dsp.stft import Istft, Stft
from engine.separation.config import TUNED
from engine.separation.hpss import Hpss
from engine.separation.instant import InstantSeparator
from engine.separation.mask_network import StreamingSeparator
from engine.separation.mask_network_segments import SegmentedSeparator, stems_chain
from offline.evaluation.peass import PEASS, peass_scores, require_peass
from offline.evaluation.separation import global_sdr, sdr, si_sdr
from offline.run import run
from offline.synthesis.multitrack import FULL_SCALE, REST, Song, load_stems

__all__ = [
    "STEM_METRICS",
    "Separator",
    "StemScore",
    "Stems",
    "evaluate_separators",
    "format_stem_table",
    "ideal_ratio_mask",
    "measure_stems",
    "separate_streaming",
    "stems_by_name",
    "write_stem_csv",
]

Stems = npt.NDArray[np.float32]  # (sample, target, channel)
Separator = StreamingSeparator | SegmentedSeparator | InstantSeparator
STEM_METRICS = ("SI-SDR", "gain", "global SDR", "SDR v4")
DRUMS = "drums"


@dataclass(frozen=True, slots=True, kw_only=True)
class StemMethod:
    """A method that estimates references; all but the oracle use their sum alone.

    estimate: from references to estimates
    targets: those that it estimates, None for all
    unknown: those that it has in `other`
    """

    estimate: Callable[[Stems], Stems]
    targets: tuple[str, ...] | None = None
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class StemScore:
    """One target of one song by one method; values: as STEM_METRICS, dB, then PEASS where asked for."""

    song: str
    method: str
    target: str
    values: tuple[float, ...]


def separate_streaming(node: Separator, audio: npt.NDArray[np.float32]) -> Stems:
    """Return the stems (sample, target, channel) of `audio` (sample, channel), separated as live, lined up."""
    if isinstance(node, InstantSeparator):
        return run(node, audio)
    return run(Chain(Stft(node.frames, window=node.window), stems_chain(node)), audio)


def stems_by_name(node: Separator, audio: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
    """Return each stem (sample, channel) of `audio` (sample, channel), separated as live, lined up."""
    stems = separate_streaming(node, audio)
    return {target: stems[:, k] for k, target in enumerate(node.targets)}


def ideal_ratio_mask(references: Stems, frames: FrameFormat, window: str) -> Stems:
    """Apply each reference's magnitude over the sum of all: about the limit of a real mask."""
    n, n_targets = len(references), references.shape[1]
    padded = np.concatenate([references, np.zeros((frames.n_fft, *references.shape[1:]), np.float32)])
    spectra = np.stack([Stft(frames, window=window).process(padded[:, t]) for t in range(n_targets)], axis=1)
    magnitude = np.abs(spectra)
    masks = magnitude / np.maximum(magnitude.sum(axis=1, keepdims=True), 1e-12)
    stems = Istft(frames, window=window, n_targets=n_targets).process(masks * spectra.sum(axis=1, keepdims=True))
    return stems[frames.latency :][:n].copy()


def _methods(nodes: Mapping[str, Separator], finest: Separator) -> dict[str, StemMethod]:
    targets = finest.targets

    def share(references: Stems) -> Stems:
        mixture = references.sum(axis=1, keepdims=True)
        return np.repeat(mixture / references.shape[1], references.shape[1], axis=1)

    def percussive(references: Stems) -> Stems:
        out = np.zeros_like(references)
        out[:, targets.index(DRUMS)] = run(Hpss(finest.frames.audio, TUNED), references.sum(axis=1))[:, 1]
        return out

    methods = {"mixture / targets": StemMethod(estimate=share)}
    if DRUMS in targets:
        methods["kernel additive modelling"] = StemMethod(estimate=percussive, targets=(DRUMS,))
    for name, node in nodes.items():
        unknown = frozenset(targets) - frozenset(node.targets)
        methods[name] = StemMethod(estimate=partial(_by_network, node, targets), unknown=unknown)
    mask = StemMethod(estimate=lambda references: ideal_ratio_mask(references, finest.frames, finest.window))
    return {**methods, "ideal ratio mask": mask}


def _by_network(node: Separator, targets: Sequence[str], references: Stems) -> Stems:
    """Return its stems in the order of the targets, silence for those that it does not know."""
    stems = separate_streaming(node, references.sum(axis=1))
    out = np.zeros_like(references)
    out[:, [targets.index(target) for target in node.targets]] = stems
    return out


def _groups(together: frozenset[str], targets: Sequence[str]) -> list[list[int]]:
    """Return which targets are evaluated as one, by index."""
    alone = [[i] for i, target in enumerate(targets) if target not in together]
    return [*alone, [targets.index(target) for target in sorted(together)]] if together else alone


def _partitions(
    song: Song, targets: Sequence[str], method: StemMethod, unknown: frozenset[str]
) -> list[list[list[int]]]:
    """Return the groups of a method, and those where all targets that some network does not know are one.

    unknown: by any of the networks
    """
    marked, out = song.inseparable(targets), []
    for names in (method.unknown, unknown):
        groups = _groups(marked | (names | {REST} if names else frozenset()), targets)
        if groups not in out:
            out.append(groups)
    return out


def _finest(nodes: Mapping[str, Separator]) -> Separator:
    """Return the network of the most targets; ConfigError unless all others know some of them, and `other`."""
    finest = max(nodes.values(), key=lambda node: len(node.targets))
    rate, targets = finest.frames.audio.sample_rate, finest.targets
    for name, node in nodes.items():
        fits = node.targets == targets or (REST in node.targets and set(node.targets) < set(targets))
        if not fits or node.frames.audio.sample_rate != rate:
            wanted = f"networks for {', '.join(targets)} at {rate} Hz, or for other and some of these"
            raise ConfigError(name, expected=wanted, got=f"{', '.join(node.targets)} at {node.frames.audio}")
    return finest


def _merged(stems: Stems, groups: Sequence[Sequence[int]]) -> Stems:
    return np.stack([stems[:, list(group)].sum(axis=1) for group in groups], axis=1)


def measure_stems(references: Stems, estimates: Stems, sample_rate: int) -> npt.NDArray[np.float64]:
    """Return STEM_METRICS of each target: (target, metric), dB; a silent reference gives NaN."""
    mixture = np.repeat(references.sum(axis=1, keepdims=True), references.shape[1], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        own, base = si_sdr(references, estimates), si_sdr(references, mixture)
        windows = np.concatenate([_windowed(references, estimates, t, sample_rate) for t in range(references.shape[1])])
        values = np.stack([own, own - base, global_sdr(references, estimates), windows], axis=1)
    values[~references.any(axis=(0, 2))] = np.nan
    return values


def _windowed(references: Stems, estimates: Stems, target: int, sample_rate: int) -> npt.NDArray[np.float64]:
    """Return SDR v4 of one target, over the windows where it sounds itself, whatever the others do."""
    one = slice(target, target + 1)
    return sdr(references[:, one], estimates[:, one], sample_rate) if references[:, one].any() else np.array([np.nan])


def evaluate_separators(
    nodes: Mapping[str, Separator], songs: Sequence[Song], *, start_s: float = 0, seconds: float | None = None,
    peass: bool = False, mono: bool = False,
) -> list[StemScore]:  # fmt: skip
    """Evaluate every song by every method.

    start_s, seconds: part of each song, None for all of it
    peass: whether to add PEASS scores
    mono: whether to mix down to one channel
    """
    finest, rows = _finest(nodes), []
    rate, targets, methods = finest.frames.audio.sample_rate, finest.targets, _methods(nodes, finest)
    unknown = frozenset[str]().union(*(method.unknown for method in methods.values()))
    if peass:
        require_peass()
    more = [peass_scores] if peass else []
    for song in tqdm(songs, unit="song"):
        part = slice(int(start_s * rate), None if seconds is None else int((start_s + seconds) * rate))
        references = load_stems(song, targets, sample_rate=rate)[:, part].transpose(1, 0, 2).astype(np.float32)
        references /= np.float32(FULL_SCALE)
        if mono:
            references[:] = references.mean(axis=2, keepdims=True)
        for method, given in methods.items():
            estimates = given.estimate(references)
            found: dict[str, list[float]] = {}
            for groups in _partitions(song, targets, given, unknown):
                names = ["+".join(targets[i] for i in group) for group in groups]
                known = [i for i, name in enumerate(names) if given.targets is None or name in given.targets]
                merged = _merged(references, groups), _merged(estimates, groups)
                parts = [measure_stems(*merged, rate)[known], *(f(*merged, rate, known) for f in more)]
                found = {
                    **dict(zip([names[i] for i in known], np.concatenate(parts, axis=1).tolist(), strict=True)),
                    **found,
                }
            rows += [
                StemScore(song=song.name, method=method, target=target, values=tuple(values))
                for target, values in found.items()
            ]
    return rows


def format_stem_table(rows: Sequence[StemScore]) -> str:
    """Format the median over the songs for each method and target, and the mean gain of each method, as Markdown."""
    metrics = _metrics(rows)
    lines = ["| method | target | " + " | ".join(metrics) + " |", "|---" * (2 + len(metrics)) + "|"]
    for method in dict.fromkeys(row.method for row in rows):
        own = [row for row in rows if row.method == method]
        for target, values in _medians(own).items():
            lines.append(f"| {method} | {target} | " + " | ".join(f"{value:.2f}" for value in values) + " |")
        gains = np.array([row.values[STEM_METRICS.index("gain")] for row in own if not _in_parts(row, own)])
        gain = np.mean(gains[np.isfinite(gains)]) if np.isfinite(gains).any() else np.nan
        lines.append(f"| {method} | **mean gain** | | {gain:.2f} |" + " |" * (len(metrics) - 2))
    return "\n".join(lines)


def _in_parts(row: StemScore, rows: Sequence[StemScore]) -> bool:
    """Tell whether a target that is several together is measured part by part as well."""
    parts = row.target.split("+")
    return len(parts) > 1 and {each.target for each in rows if each.song == row.song}.issuperset(parts)


def write_stem_csv(path: Path, rows: Sequence[StemScore]) -> None:
    """Write every song, then the medians over the songs as a song called `median`."""
    medians = [
        StemScore(song="median", method=method, target=target, values=tuple(values))
        for method in dict.fromkeys(row.method for row in rows)
        for target, values in _medians([row for row in rows if row.method == method]).items()
    ]
    lines = [",".join(("song", "method", "target", *_metrics(rows)))]
    for row in (*rows, *medians):
        lines.append(",".join((row.song, row.method, row.target, *(f"{value:.3f}" for value in row.values))))
    with whole_text(path) as file:
        file.write("\n".join(lines) + "\n")


def _medians(rows: Sequence[StemScore]) -> dict[str, npt.NDArray[np.float64]]:
    names = dict.fromkeys(row.target for row in rows)
    values = {name: np.array([row.values for row in rows if row.target == name]) for name in names}
    return {name: np.array([_median(column) for column in rows_of.T]) for name, rows_of in values.items()}


def _median(values: npt.NDArray[np.float64]) -> float:
    """Return the median of known values; NaN if there is none."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else np.nan


def _metrics(rows: Sequence[StemScore]) -> tuple[str, ...]:
    return (*STEM_METRICS, *PEASS)[: len(rows[0].values)]
