"""How well the stems of a network come out: over folders of stems, beside the mixture and the ideal ratio mask.

For each target: SI-SDR and what it gains over the mixture, global SDR, and SDR of BSS Eval v4 (median of windows);
the table gives the median over the songs, as the campaigns do, and the mean of the gains. The network runs as it
does live, block by block. Targets that a song's stems do not tell apart are judged as one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from engine.dsp.stft import Istft, Stft
from engine.format import FrameFormat
from engine.inference.unmix import SHARING, Unmix, UnmixConfig
from engine.processor import Chain
from offline.data.multitrack import FULL_SCALE, Song, find_songs, load, parse_corpus
from offline.evaluate.separation import global_sdr, sdr, si_sdr
from offline.run import run

__all__ = ["Row", "add_options", "evaluate", "ideal_ratio_mask", "main", "separate", "table"]

Stems = npt.NDArray[np.float32]  # (sample, target, channel)
Method = Callable[[Stems], Stems]  # references to estimates; all but the oracle use their sum alone
METRICS = ("SI-SDR", "gain", "global SDR", "SDR v4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One target of one song by one method; values: as METRICS, dB."""

    song: str
    method: str
    target: str
    values: tuple[float, ...]


def separate(node: Unmix, audio: npt.NDArray[np.float32]) -> Stems:
    """The stems (sample, target, channel) of `audio` (sample, channel), as they come out live, lined up."""
    frames, window = node.frames, node.window
    istft = Istft(frames, window=window, n_targets=len(node.targets))
    return run(Chain(Stft(frames, window=window), node, istft), audio)


def ideal_ratio_mask(references: Stems, frames: FrameFormat, window: str) -> Stems:
    """Each reference's magnitude over the sum of all: what a mask of real numbers can about reach."""
    n, n_targets = len(references), references.shape[1]
    padded = np.concatenate([references, np.zeros((frames.n_fft, *references.shape[1:]), np.float32)])
    spectra = np.stack([Stft(frames, window=window).process(padded[:, t]) for t in range(n_targets)], axis=1)
    magnitude = np.abs(spectra)
    masks = magnitude / np.maximum(magnitude.sum(axis=1, keepdims=True), 1e-12)
    stems = Istft(frames, window=window, n_targets=n_targets).process(masks * spectra.sum(axis=1, keepdims=True))
    return stems[frames.latency :][:n].copy()


def _methods(node: Unmix, name: str) -> dict[str, Method]:
    def share(references: Stems) -> Stems:
        mixture = references.sum(axis=1, keepdims=True)
        return np.repeat(mixture / references.shape[1], references.shape[1], axis=1)

    return {
        "mixture / targets": share,
        name: lambda references: separate(node, references.sum(axis=1)),
        "ideal ratio mask": lambda references: ideal_ratio_mask(references, node.frames, node.window),
    }


def _groups(song: Song, targets: Sequence[str]) -> list[list[int]]:
    """Which targets are judged as one: positions."""
    together = song.inseparable(targets)
    alone = [[i] for i, target in enumerate(targets) if target not in together]
    return [*alone, [targets.index(target) for target in sorted(together)]] if together else alone


def _merged(stems: Stems, groups: Sequence[Sequence[int]]) -> Stems:
    return np.stack([stems[:, list(group)].sum(axis=1) for group in groups], axis=1)


def measure(references: Stems, estimates: Stems, sample_rate: int) -> npt.NDArray[np.float64]:
    """METRICS of each target: (target, metric), dB; a silent reference gives NaN."""
    mixture = np.repeat(references.sum(axis=1, keepdims=True), references.shape[1], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        own, base = si_sdr(references, estimates), si_sdr(references, mixture)
        windows = np.concatenate([_windowed(references, estimates, t, sample_rate) for t in range(references.shape[1])])
        values = np.stack([own, own - base, global_sdr(references, estimates), windows], axis=1)
    values[~references.any(axis=(0, 2))] = np.nan
    return values


def _windowed(references: Stems, estimates: Stems, target: int, sample_rate: int) -> npt.NDArray[np.float64]:
    """SDR v4 of one target, over the windows where it sounds itself, whatever the others do."""
    one = slice(target, target + 1)
    return sdr(references[:, one], estimates[:, one], sample_rate) if references[:, one].any() else np.array([np.nan])


def evaluate(node: Unmix, name: str, songs: Sequence[Song], *, seconds: float | None = None) -> list[Row]:
    """Every song by every method; seconds: of the beginning of each, None for all of it."""
    rows, rate = [], node.frames.audio.sample_rate
    for song in tqdm(songs, unit="song"):
        stems = load(song, node.targets, sample_rate=rate)[:, : None if seconds is None else int(seconds * rate)]
        references = stems.transpose(1, 0, 2).astype(np.float32) / np.float32(FULL_SCALE)
        groups = _groups(song, node.targets)
        names = ["+".join(node.targets[i] for i in group) for group in groups]
        for method, function in _methods(node, name).items():
            values = measure(_merged(references, groups), _merged(function(references), groups), rate)
            rows += [
                Row(song=song.name, method=method, target=target, values=tuple(row))
                for target, row in zip(names, values.tolist(), strict=True)
            ]
    return rows


def table(rows: Sequence[Row]) -> str:
    """Median over the songs for each method and target, and the mean gain of each method, as Markdown."""
    lines = ["| method | target | " + " | ".join(METRICS) + " |", "|---" * (2 + len(METRICS)) + "|"]
    for method in dict.fromkeys(row.method for row in rows):
        own = [row for row in rows if row.method == method]
        for target in dict.fromkeys(row.target for row in own):
            values = np.nanmedian([row.values for row in own if row.target == target], axis=0)
            lines.append(f"| {method} | {target} | " + " | ".join(f"{value:.2f}" for value in values) + " |")
        gain = np.nanmean([row.values[METRICS.index("gain")] for row in own])
        lines.append(f"| {method} | **mean gain** | | {gain:.2f} | | |")
    return "\n".join(lines)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `collaparte evaluate unmix`."""
    parser.add_argument("data", metavar="DIR[:WEIGHT[:bass+other]]", help="a folder of folders of stems")
    parser.add_argument("--model", type=Path, required=True, help="ONNX file of a live network")
    parser.add_argument("--songs", nargs="*", default=[], help="only these")
    parser.add_argument("--seconds", type=float, help="only the beginning of each song")
    parser.add_argument("--sharing", choices=SHARING, default=SHARING[0])
    parser.add_argument("--json", type=Path, help="write every song's figures")


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m offline.evaluate.unmix`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    args = parser.parse_args(arguments)
    node = Unmix(UnmixConfig(model=args.model, sharing=args.sharing), n_channels=2)
    rows = evaluate(node, args.model.stem, find_songs(parse_corpus(args.data), only=args.songs), seconds=args.seconds)
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    print(table(rows))


if __name__ == "__main__":
    main()
