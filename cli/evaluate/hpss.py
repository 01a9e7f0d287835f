"""`collaparte evaluate hpss`: harmonic/percussive separation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import INPUT, OUTPUT, SEPARATE, argument, command, csv_file, option
from cli.terminal.kernels import announced_compiling
from cli.terminal.report import wrote
from engine.core.config import Settings, check, choice, plain
from engine.core.errors import ConfigError

__all__ = ["EvaluateHpssOptions", "evaluate_hpss_command"]

COVARIANCES = ("both", "spatial", "none")
EXAMPLES = """\
examples:
  collaparte evaluate hpss songs/
  collaparte evaluate hpss songs/ --start 30 --seconds 30 --csv table.csv
  collaparte evaluate hpss songs/ --iterations 1..10 --covariance both --peass --plot figures/
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateHpssOptions(Settings):
    """Options of `collaparte evaluate hpss`."""

    folder: Path = argument("FOLDER", "a folder of songs, each a folder with drums.wav and its other stems")
    start: float = option(plain(0.0, "where to begin in each song"), metavar="S", group=INPUT)
    seconds: float | None = option(plain(None, "how much of each song (default all)"), metavar="S", group=INPUT)
    iterations: str | None = option(
        plain(None, "measure kernel back-fitting after each of these instead, as figures 2 to 5 of the paper"),
        metavar="N|FIRST..LAST",
        group=SEPARATE,
    )
    covariance: str = option(
        choice("both", tuple(COVARIANCES), "with --iterations: the spatial model, each channel alone, or both"),
        group=SEPARATE,
    )
    peass: bool = plain(False, "with --iterations: also the paper's scores, by python-peass, an unvalidated port; slow")
    csv: Path | None = csv_file()
    plot: Path | None = option(
        plain(None, "with --iterations: folder to draw the figures into"), metavar="FOLDER", group=OUTPUT
    )

    def __post_init__(self) -> None:
        check(self)
        if self.iterations is None and (self.peass or self.plot is not None):
            got = "--peass" if self.peass else "--plot"
            raise ConfigError(got, expected="--iterations beside it", got="none", remedy="--iterations 1..10")


@command(EvaluateHpssOptions, EXAMPLES)
def evaluate_hpss_command(options: EvaluateHpssOptions) -> int:
    """Print the table."""
    if options.iterations is not None:
        return _by_iterations(options, options.iterations)
    from offline.evaluation.separation import evaluate_hpss_folder

    with announced_compiling():
        evaluate_hpss_folder(options.folder, csv=options.csv, start_s=options.start, seconds=options.seconds)
    wrote([options.csv])
    return 0


def _by_iterations(options: EvaluateHpssOptions, iterations: str) -> int:
    """Measure, print and draw the curves of the paper."""
    from offline.evaluation.hpss_iterations import (
        iteration_range,
        iteration_table,
        measure_iterations,
        write_iteration_csv,
    )

    with announced_compiling():
        scores = measure_iterations(
            options.folder,
            iteration_range(iterations),
            options.covariance,
            peass=options.peass,
            start_s=options.start,
            seconds=options.seconds,
        )
    print(iteration_table(scores))
    if options.csv is not None:
        write_iteration_csv(options.csv, scores)
    drawn = []
    if options.plot is not None:
        from offline.evaluation.hpss_plot import draw_iterations

        drawn = draw_iterations(options.plot, scores)
    wrote([options.csv, *drawn])
    return 0
