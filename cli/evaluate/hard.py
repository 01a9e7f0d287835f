"""`collaparte evaluate hard`: following in the situations that people bring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import argument, command, csv_file, features_option, picture
from cli.data.hard import half_of_takes, halves
from cli.terminal.kernels import announced_compiling
from cli.terminal.report import evaluated
from engine.core.config import Settings

__all__ = ["EvaluateHardOptions", "evaluate_hard_command"]

EXAMPLES = """\
examples:
  collaparte evaluate hard hard/
  collaparte evaluate hard hard/ --split judging --csv table.csv --plot reliability.png
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateHardOptions(Settings):
    """Options of `collaparte evaluate hard`."""

    folder: Path = argument("FOLDER", "hard takes, as `data hard` writes them")
    split: str = half_of_takes("which half of the takes")
    features: str = features_option()
    csv: Path | None = csv_file()
    plot: Path | None = picture("draw how often the position is right at each confidence")


@command(EvaluateHardOptions, EXAMPLES)
def evaluate_hard_command(options: EvaluateHardOptions) -> int:
    """Print the table."""
    from offline.evaluation.following import follow_piece
    from offline.evaluation.hard import evaluate_hard
    from offline.following.presets import follow_by

    follow = follow_piece(follow_by(options.features))
    with announced_compiling():
        counts = evaluate_hard(
            options.folder, follow, halves=halves(options.split), csv_path=options.csv, plot=options.plot
        )
    return evaluated(counts, [options.csv, options.plot])
