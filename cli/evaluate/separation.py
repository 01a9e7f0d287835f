"""`collaparte evaluate separation`: stems of networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import INPUT, SEPARATE, argument, command, csv_file, network_file, option
from cli.terminal.completion import separator_names
from cli.terminal.report import wrote
from engine.core.config import Settings, plain

if TYPE_CHECKING:
    from offline.evaluation.stems import Separator

__all__ = ["EvaluateSeparationOptions", "evaluate_separation_command"]

EXAMPLES = """\
examples:
  collaparte evaluate separation songs/ --wiener --csv table.csv
  collaparte evaluate separation songs/ --songs caesium --model unmix-heavy --model mine.onnx
"""
CHANNELS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSeparationOptions(Settings):
    """Options of `collaparte evaluate separation`."""

    folder: str = argument("FOLDER", "a folder of songs, each a folder with vocals.wav, drums.wav and so on")
    model: tuple[str, ...] = option(
        plain(("unmix",), "a network: unmix, unmix-heavy, unmix-low-latency or a file; may be repeated"),
        metavar="NAME|FILE.onnx",
        group=SEPARATE,
        names=separator_names,
    )
    wiener: bool = option(plain(False, "also measure each network with the Wiener filter"), group=SEPARATE)
    instant: bool = option(plain(False, "also measure each network by short filters"), group=SEPARATE)
    songs: tuple[str, ...] = option(
        plain((), "songs to measure (default all)"), metavar="SONG...", several=True, group=INPUT
    )
    start: float = option(plain(0.0, "where to begin in each song"), metavar="S", group=INPUT)
    seconds: float | None = option(plain(None, "how much of each song (default all)"), metavar="S", group=INPUT)
    mono: bool = option(plain(False, "mix both channels of each stem to mono"), group=INPUT)
    peass: bool = plain(False, "also compute perceptual scores with python-peass, an unvalidated port; slow")
    csv: Path | None = csv_file()


@command(EvaluateSeparationOptions, EXAMPLES)
def evaluate_separation_command(options: EvaluateSeparationOptions) -> int:
    """Print the table."""
    from offline.evaluation.stems import evaluate_separators, format_stem_table, write_stem_csv
    from offline.synthesis.multitrack import find_songs, parse_corpus

    nodes = _nodes(options)
    songs = find_songs(parse_corpus(options.folder), only=list(options.songs))
    rows = evaluate_separators(
        nodes, songs, start_s=options.start, seconds=options.seconds, peass=options.peass, mono=options.mono
    )
    print(format_stem_table(rows))
    if options.peass:
        print("OPS, TPS, IPS, APS come from an unvalidated port of PEASS: compare them with each other only.")
    if options.csv is not None:
        write_stem_csv(options.csv, rows)
    wrote([options.csv], then="" if options.csv else "add --csv FILE to keep the table")
    return 0


def _nodes(options: EvaluateSeparationOptions) -> dict[str, Separator]:
    """Each network, and where asked each with the Wiener filter and by short filters, by the name in the table."""
    from engine.core.format import AudioFormat
    from engine.separation.config import InstantConfig
    from engine.separation.instant import InstantSeparator
    from engine.separation.mask_network_segments import open_separator
    from offline.separation.presets import SEPARATORS, unmix_config

    nodes: dict[str, Separator] = {}
    for model in options.model:
        file = network_file("--model", model, list(SEPARATORS))
        for wiener in (False, True) if options.wiener else (False,):
            config = unmix_config(file, wiener=wiener)
            name = config.model.stem + (" + Wiener filter" if wiener else "")
            nodes[name] = open_separator(config, n_channels=CHANNELS)
        if options.instant:
            rate = nodes[name].frames.audio.sample_rate
            audio = AudioFormat(sample_rate=rate, n_channels=CHANNELS)
            config = unmix_config(file, instant=InstantConfig())
            nodes[f"{config.model.stem}, instant"] = InstantSeparator(config, audio)
    return nodes
