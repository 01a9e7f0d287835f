"""Table 1 of Sawata et al. (2021) on the data at hand: its eight settings, C1 to P, trained alike one after another.

UMX or X-UMX, with and without the multi-domain loss and the combination loss; the SDR of BSS Eval v4 (median of
windows, median of songs) on the songs to validate on. The figures of the paper are for MUSDB18-HQ and days on a GPU;
these are for the data and the length of training that were given, and say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from itertools import product
from typing import Any

import numpy as np

from engine.separation.config import MaskNetworkConfig
from engine.separation.mask_network_segments import open_separator
from offline.evaluation.stems import STEM_METRICS, evaluate_separators
from offline.synthesis.multitrack import Song, find_songs, parse_corpus
from offline.training.common.checkpoint import CHECKPOINT
from offline.training.separation.config import SeparationExport, SeparationTable, SeparationTraining
from offline.training.separation.export import export_separation
from offline.training.separation.train import train_separation

__all__ = ["SETTINGS", "separation_table"]

# Name in the paper, network, multi-domain loss, combination loss; a bar over the name is written as a trailing x.
SETTINGS = [
    (
        "P" if (mdl, cl, model) == (True, True, "xumx") else f"C{1 + mdl + 2 * cl}{'x' * (model == 'xumx')}",
        model,
        mdl,
        cl,
    )
    for cl, mdl, model in product((False, True), (False, True), ("umx", "xumx"))
]


def separation_table(config: SeparationTable) -> str:
    """Train and measure every setting; return the table."""
    corpora = [parse_corpus(text) for text in config.data]
    songs = [song for c in corpora for song in find_songs(c, only=config.validation, needed=False)]
    lines = [
        f"SDR, dB: Table 1 on {', '.join(config.data)}, {config.loop.length} each, measured on: "
        f"{', '.join(config.validation)}.",
        "NOT MUSDB18-HQ: compare the rows with each other, not with the paper.",
    ]
    header = True
    for name, architecture, mdl, cl in SETTINGS:
        objective = replace(config.objective, multi_domain=mdl, combine=cl)
        figures = _row(_training(config, name, architecture=architecture, objective=objective), name, songs)
        if header:
            lines += _header(figures)
            header = False
        cells = " | ".join(f"{value:.2f}" for value in (*figures.values(), np.mean(list(figures.values()))))
        lines.append(f"| {name} | {architecture} | {'x' * mdl} | {'x' * cl} | {cells} |")
    return "\n".join(lines)


def _training(config: SeparationTable, name: str, **changes: Any) -> SeparationTraining:
    """Return the settings of one row's training."""
    given = {each.name: getattr(config, each.name) for each in fields(SeparationTraining)}
    return SeparationTraining(**{**given, **changes, "output": config.output / name})


def _row(config: SeparationTraining, name: str, songs: Sequence[Song]) -> dict[str, float]:
    """Train one setting, run it block by block over the songs, and return its SDR by target."""
    train_separation(config)
    checkpoint, target = config.output / CHECKPOINT, config.output / f"{name}.onnx"
    data, text = ", ".join(config.data), "one row of a table"
    export_separation(
        SeparationExport(
            checkpoint=checkpoint, output=target, int8=False, licence="unreleased", data=data, training=text
        )
    )
    rows = evaluate_separators({name: open_separator(MaskNetworkConfig(model=target), n_channels=2)}, songs)
    own, column = [r for r in rows if r.method == name], STEM_METRICS.index("SDR v4")
    names = dict.fromkeys(r.target for r in own)
    return {target: float(np.nanmedian([r.values[column] for r in own if r.target == target])) for target in names}


def _header(figures: Mapping[str, float]) -> list[str]:
    columns = ["", "network", "MDL", "CL", *figures, "mean"]
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
