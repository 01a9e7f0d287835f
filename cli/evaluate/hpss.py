"""`collaparte evaluate hpss`: harmonic/percussive separation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import INPUT, argument, command, csv_file, option
from cli.terminal.kernels import announced_compiling
from cli.terminal.report import wrote
from engine.core.config import Settings, plain

__all__ = ["EvaluateHpssOptions", "evaluate_hpss_command"]

EXAMPLES = """\
examples:
  collaparte evaluate hpss songs/
  collaparte evaluate hpss songs/ --start 30 --seconds 30 --csv table.csv
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateHpssOptions(Settings):
    """Options of `collaparte evaluate hpss`."""

    folder: Path = argument("FOLDER", "a folder of songs, each a folder with drums.wav and its other stems")
    start: float = option(plain(0.0, "where to begin in each song"), metavar="S", group=INPUT)
    seconds: float | None = option(plain(None, "how much of each song (default all)"), metavar="S", group=INPUT)
    csv: Path | None = csv_file()


@command(EvaluateHpssOptions, EXAMPLES)
def evaluate_hpss_command(options: EvaluateHpssOptions) -> int:
    """Print the table."""
    from offline.evaluation.separation import evaluate_hpss_folder

    with announced_compiling():
        evaluate_hpss_folder(options.folder, csv=options.csv, start_s=options.start, seconds=options.seconds)
    wrote([options.csv])
    return 0
