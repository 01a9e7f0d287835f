"""Table 1 of Sawata et al. (2021) on the data at hand: its eight settings, C1 to P, trained alike one after another.

UMX or X-UMX, with and without the multi-domain loss and the combination loss; the SDR of BSS Eval v4 (median of
windows, median of songs) on the songs held out. The figures of the paper are for MUSDB18-HQ and days on a GPU; these
are for whatever data and length of training were given, and say so.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from engine.separation.mask_network import UnmixConfig
from engine.separation.mask_network_segments import open_bank
from offline.evaluation.stems import METRICS, evaluate
from offline.synthesis.multitrack import Song, find_songs, parse_corpus
from offline.training.common.config import LoopConfig
from offline.training.separation.export import ship
from offline.training.separation.train import add_options, train

__all__ = ["SETTINGS", "main"]

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
FIELDS = {"licence": "unreleased", "data": "", "split": "", "training": "one row of a table", "metrics": ""}


def row(args: argparse.Namespace, name: str, songs: Sequence[Song]) -> dict[str, float]:
    """Train one setting, run it block by block over the songs held out, and return its SDR by target."""
    train(args)
    target = args.out / f"{name}.onnx"
    ship(args.out / "checkpoint.pt", target, dict(FIELDS), int8=False)
    rows = evaluate({name: open_bank(UnmixConfig(model=target), n_channels=2)}, songs)
    own, column = [r for r in rows if r.method == name], METRICS.index("SDR v4")
    names = dict.fromkeys(r.target for r in own)
    return {target: float(np.nanmedian([r.values[column] for r in own if r.target == target])) for target in names}


def main(arguments: Sequence[str] | None = None) -> None:
    """`collaparte train unmix-table`: the options of `train unmix`; --minutes or --steps are for each of the eight."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    args = parser.parse_args(arguments)
    if not args.hold_out:
        parser.error("--hold-out: name the songs that the table is measured on")
    corpora = [parse_corpus(text) for text in args.data]
    songs = [song for c in corpora for song in find_songs(c, only=args.hold_out, needed=False)]
    lines, root = [], Path(args.out)
    for name, model, mdl, cl in SETTINGS:
        own = argparse.Namespace(
            **{**vars(args), "model": model, "no_mdl": not mdl, "no_cl": not cl, "out": root / name}
        )
        figures = row(own, name, songs)
        cells = " | ".join(f"{value:.2f}" for value in (*figures.values(), np.mean(list(figures.values()))))
        if not lines:
            columns = ["", "network", "MDL", "CL", *figures, "mean"]
            lines += [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        lines.append(f"| {name} | {model} | {'x' * mdl} | {'x' * cl} | {cells} |")
    held_out = ", ".join(args.hold_out)
    length = LoopConfig(minutes=args.minutes, steps=args.steps).length
    print(f"SDR, dB: Table 1 on {', '.join(args.data)}, {length} each, held out: {held_out}.")
    print("NOT MUSDB18-HQ: compare the rows with each other, not with the paper.")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
