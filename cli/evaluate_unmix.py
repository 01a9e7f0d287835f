"""`collaparte evaluate unmix`: stems of networks."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.separation.mask_network import MaskNetwork
from engine.separation.mask_network_segments import open_separator
from offline.evaluation.stems import evaluate_separators, format_stem_table, write_stem_csv
from offline.separation.presets import unmix_config
from offline.synthesis.multitrack import find_songs, parse_corpus

__all__ = ["command"]

CHANNELS = 2


def command(args: argparse.Namespace) -> int:
    """Print the table."""
    nodes: dict[str, MaskNetwork] = {}
    models: list[Path | None] = args.model or [None]
    for model in models:
        for wiener in (False, True) if args.wiener else (False,):
            config = unmix_config(model, wiener=wiener)
            name = config.model.stem + (" + Wiener filter" if wiener else "")
            nodes[name] = open_separator(config, n_channels=CHANNELS)
    songs = find_songs(parse_corpus(args.folder), only=args.songs)
    rows = evaluate_separators(nodes, songs, start_s=args.start, seconds=args.seconds, peass=args.peass, mono=args.mono)
    print(format_stem_table(rows))
    if args.peass:
        print("OPS, TPS, IPS, APS come from an unvalidated port of PEASS: compare them with each other only.")
    if args.csv is not None:
        write_stem_csv(args.csv, rows)
    return 0
