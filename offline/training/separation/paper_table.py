"""Table 1 of Sawata et al. (2021): its eight settings, C1 to P, trained alike one after another, the published figures
beside.

UMX or X-UMX, with and without the multi-domain loss and the combination loss; whole songs, after the Wiener filter as
Open-Unmix has it; SDR of BSS Eval v4, median of frames, median of songs. On MUSDB18-HQ, its songs to test on; else the
songs to validate on, and the table says that it cannot be compared with the published one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from engine.core.whole_file import whole_text
from models.separation.band_network import SeparationNetwork
from models.separation.spectra import Transform, input_magnitudes
from offline.datasets.musdb import open_musdb
from offline.evaluation.stems import STEM_METRICS, Stems, measure_stems
from offline.separation.expectation_maximisation import wiener_whole
from offline.synthesis.multitrack import FULL_SCALE, Song, find_songs, load_stems, parse_corpus
from offline.training.common.checkpoint import CHECKPOINT
from offline.training.separation.config import SeparationTable, SeparationTraining
from offline.training.separation.train import restore_separation, train_separation

__all__ = ["PUBLISHED_SDR", "SETTINGS", "TableSetting", "separate_whole_song", "separation_table"]

AVERAGE = "avg."
# Table 1: SDR of bass, drums, other, vocals and their mean, dB.
PUBLISHED_SDR: Mapping[str, Mapping[str, float]] = {
    name: dict(zip(("bass", "drums", "other", "vocals", AVERAGE), figures, strict=True))
    for name, figures in {
        "C1": (4.84, 5.77, 4.16, 6.28, 5.26),
        "C1-bar": (5.36, 5.80, 4.25, 5.80, 5.30),
        "C2": (5.19, 5.82, 4.29, 6.18, 5.37),
        "C2-bar": (5.59, 6.03, 4.46, 6.71, 5.70),
        "C3": (5.27, 5.71, 4.00, 6.08, 5.26),
        "C3-bar": (5.28, 6.12, 4.09, 6.35, 5.46),
        "C4": (4.98, 5.98, 4.12, 6.30, 5.35),
        "P": (5.53, 6.33, 4.54, 6.50, 5.73),
    }.items()
}
APPLIED, NOT_APPLIED = "✓", "×"  # as the paper marks them


class TableSetting(NamedTuple):
    """A row: its name in the paper, `-bar` for a bar over it, its networks and its losses."""

    name: str
    network: str
    multi_domain: bool
    combine: bool


def _name(crossing: bool, multi_domain: bool, combine: bool) -> str:
    number = 1 + multi_domain + 2 * combine
    return "P" if crossing and number == 4 else f"C{number}{'-bar' * crossing}"


SETTINGS = [
    TableSetting(_name(crossing, mdl, cl), "xumx" if crossing else "umx", mdl, cl)
    for cl, mdl, crossing in product((False, True), repeat=3)
]
Figures = dict[str, float]  # SDR by target, then their mean


def separation_table(config: SeparationTable) -> str:
    """Train and measure every setting; return the table as Markdown, and write it as CSV where that is asked for."""
    songs, rows = _songs(config), {}
    for setting in SETTINGS:
        objective = replace(config.objective, multi_domain=setting.multi_domain, combine=setting.combine)
        training = _training(config, setting.name, architecture=setting.network, objective=objective)
        train_separation(training)
        network, _ = restore_separation(training.output / CHECKPOINT)
        rows[setting] = _measured(network, songs, config.em)
    if config.csv is not None:
        _write_csv(config.csv, rows)
    return "\n".join([*_told(config, songs), *_markdown(rows)])


def _songs(config: SeparationTable) -> list[Song]:
    if config.musdb is not None:
        return list(open_musdb(config.musdb).test)
    corpora = [parse_corpus(text) for text in config.data]
    return [song for c in corpora for song in find_songs(c, only=config.validation, needed=False)]


def _training(config: SeparationTable, name: str, **changes: Any) -> SeparationTraining:
    """Return the settings of one row's training."""
    given = {each.name: getattr(config, each.name) for each in fields(SeparationTraining)}
    return SeparationTraining(**{**given, **changes, "output": config.output / name})


@torch.no_grad()
def separate_whole_song(network: SeparationNetwork, mixture: Stems, iterations: int = 1) -> Stems:
    """Return stems (sample, target, channel) of a mixture (sample, channel), of a network for left and right.

    iterations: of the Wiener filter over the whole song; 0 for none
    """
    config = network.config
    transform = Transform(config.n_fft, config.hop, config.window)
    heard = torch.nn.functional.pad(torch.from_numpy(mixture.T.copy())[None], (config.n_fft, config.n_fft + config.hop))
    spectra = transform.spectra(heard)  # (frame, 1, channel, bin)
    masked = (network(input_magnitudes(config, spectra)) * spectra[:, :, None])[:, 0].numpy()
    refined = wiener_whole(masked, spectra[:, 0].numpy(), iterations)
    samples = transform.samples(torch.from_numpy(refined))  # (hop, target, channel, sample)
    whole = samples.permute(0, 3, 1, 2).flatten(0, 1).numpy()
    first = config.n_fft - (transform.overlap - 1) * config.hop
    return np.ascontiguousarray(whole[first : first + len(mixture)], np.float32)


def _measured(network: SeparationNetwork, songs: Sequence[Song], iterations: int) -> Figures:
    """Return the median over the songs of SDR v4, by target, and the mean over the targets."""
    targets, rate, values = network.config.targets, network.config.sample_rate, []
    for song in songs:
        references = load_stems(song, targets, sample_rate=rate).transpose(1, 0, 2).astype(np.float32)
        references /= np.float32(FULL_SCALE)
        estimates = separate_whole_song(network, references.sum(axis=1), iterations)
        values.append(measure_stems(references, estimates, rate)[:, STEM_METRICS.index("SDR v4")])
    medians = [float(np.median(known)) if len(known := row[~np.isnan(row)]) else np.nan for row in np.array(values).T]
    return {**dict(zip(targets, medians, strict=True)), AVERAGE: float(np.mean(medians))}


def _told(config: SeparationTable, songs: Sequence[Song]) -> list[str]:
    where = config.musdb or ", ".join(config.data)
    filtered = f"{config.em} iterations of the Wiener filter" if config.em else "no Wiener filter"
    lines = [
        f"SDR, dB (BSS Eval v4, median of frames, median of songs): Table 1 on {where}, {config.loop.length} each, "
        f"{filtered}, measured on: {', '.join(song.name for song in songs)}.",
        f"{APPLIED}: loss applied, {NOT_APPLIED}: not; -bar: a bar over the name; in brackets: published.",
    ]
    return lines if config.musdb else [*lines, "NOT MUSDB18-HQ: compare the rows with each other, not with the paper."]


def _marks(setting: TableSetting) -> list[str]:
    return [APPLIED if each else NOT_APPLIED for each in (setting.multi_domain, setting.combine)]


def _markdown(rows: Mapping[TableSetting, Figures]) -> list[str]:
    names = list(next(iter(rows.values())))
    header = ["", "network", "MDL", "CL", *names]
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for setting, figures in rows.items():
        cells = [_cell(value, PUBLISHED_SDR[setting.name].get(name)) for name, value in figures.items()]
        lines.append(f"| {' | '.join([setting.name, setting.network, *_marks(setting), *cells])} |")
    return lines


def _cell(value: float, published: float | None) -> str:
    return f"{value:.2f}" if published is None else f"{value:.2f} ({published:.2f})"


def _write_csv(path: Path, rows: Mapping[TableSetting, Figures]) -> None:
    names = list(next(iter(rows.values())))
    lines = [",".join(["name", "network", "mdl", "cl", *names, *(f"published {name}" for name in names)])]
    for setting, figures in rows.items():
        known = PUBLISHED_SDR[setting.name]
        cells = [f"{value:.3f}" for value in figures.values()]
        cells += [f"{known[name]:.2f}" if name in known else "" for name in names]
        lines.append(",".join([setting.name, setting.network, *_marks(setting), *cells]))
    with whole_text(path) as file:
        file.write("\n".join(lines) + "\n")
