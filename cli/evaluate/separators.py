"""`collaparte evaluate separators`: ours beside other people's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import INPUT, SEPARATE, argument, command, csv_file, network_file, option
from cli.terminal.completion import separator_names
from cli.terminal.report import wrote
from engine.core.config import Settings, plain

if TYPE_CHECKING:
    from offline.evaluation.separators.table import Separate

__all__ = ["EvaluateSeparatorsOptions", "evaluate_separators_command"]

EXAMPLES = """\
examples:
  collaparte evaluate separators MUSDB18-HQ/ --x-umx table/P.onnx --umx umxhq.onnx --demucs mdx --csv table.csv
"""
RATE, CHANNELS = 44100, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSeparatorsOptions(Settings):
    """Options of `collaparte evaluate separators`."""

    folder: Path = argument("FOLDER", "MUSDB18-HQ, whose songs to test on are measured")
    x_umx: str | None = option(
        plain(None, "network for the row of X-UMX"), metavar="NAME|FILE.onnx", group=SEPARATE, names=separator_names
    )
    umx: str | None = option(
        plain(None, "network for the row of UMX, as of import-weights"), metavar="NAME|FILE.onnx", group=SEPARATE
    )
    demucs: str | None = option(
        plain(None, "model of the package demucs, which fetches it, or FOLDER/NAME"), metavar="NAME", group=SEPARATE
    )
    conv_tasnet: Path | None = option(
        plain(None, "file of a Conv-TasNet of the package asteroid"), metavar="FILE", group=SEPARATE
    )
    conv_tasnet_stems: tuple[str, ...] = option(
        plain(("vocals", "bass", "drums", "other"), "its stems in their order"), group=SEPARATE, several=True
    )
    songs: tuple[str, ...] = option(
        plain((), "songs to measure (default all to test on)"), metavar="SONG...", several=True, group=INPUT
    )
    csv: Path | None = csv_file()


@command(EvaluateSeparatorsOptions, EXAMPLES)
def evaluate_separators_command(options: EvaluateSeparatorsOptions) -> int:
    """Print the table."""
    from offline.datasets.musdb import open_musdb
    from offline.evaluation.separators.table import compared_table, measure_compared, write_compared_csv

    songs = [song for song in open_musdb(options.folder).test if not options.songs or song.name in options.songs]
    measured = measure_compared(_methods(options), songs, RATE)
    print(compared_table(measured))
    if options.csv is not None:
        write_compared_csv(options.csv, measured)
    wrote([options.csv])
    return 0


def _methods(options: EvaluateSeparatorsOptions) -> dict[str, Separate]:
    """What separates, by the name of its row."""
    methods: dict[str, Separate] = {}
    for name, model in (("X-UMX", options.x_umx), ("UMX", options.umx)):
        if model is not None:
            methods[name] = _network(model)
    if options.conv_tasnet is not None:
        from offline.evaluation.separators.conv_tasnet import open_conv_tasnet

        methods["Conv-TasNet"] = open_conv_tasnet(options.conv_tasnet, options.conv_tasnet_stems, RATE)
    if options.demucs is not None:
        from offline.evaluation.separators.demucs import open_demucs

        methods["Demucs"] = open_demucs(options.demucs, RATE)
    return methods


def _network(model: str) -> Separate:
    from engine.separation.mask_network_segments import open_separator
    from offline.evaluation.stems import stems_by_name
    from offline.separation.presets import SEPARATORS, unmix_config

    file = network_file("--x-umx", model, list(SEPARATORS))
    return partial(stems_by_name, open_separator(unmix_config(file), n_channels=CHANNELS))
