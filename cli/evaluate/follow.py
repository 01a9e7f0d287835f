"""`collaparte evaluate follow`: live following, onset by onset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import OUTPUT, argument, command, csv_file, features_option, method_option, option
from cli.score_options import FolderScoreOptions
from cli.terminal.kernels import announced_compiling
from cli.terminal.places import WRITES_FOLDER
from cli.terminal.report import evaluated
from engine.core.config import Settings, plain

__all__ = ["EvaluateTracksOptions", "evaluate_follow_command"]

EXAMPLES = """\
examples:
  collaparte evaluate follow demo/
  collaparte evaluate follow pieces/ --follow match --features bands
  collaparte evaluate follow pieces/ --features bands --csv table.csv --plots pictures/
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateTracksOptions(Settings):
    """Options of `collaparte evaluate follow` and `align`."""

    folder: Path = argument("FOLDER", "a folder of pieces, or a piece: score, performance and truth.csv")
    reading: FolderScoreOptions = plain(FolderScoreOptions, "follow")
    features: str = features_option()
    follow: str = method_option()
    csv: Path | None = csv_file()
    plots: Path | None = option(
        plain(None, "draw the path and errors of each piece in this folder"),
        metavar="DIR",
        group=OUTPUT,
        writes=WRITES_FOLDER,
    )


@command(EvaluateTracksOptions, EXAMPLES)
def evaluate_follow_command(options: EvaluateTracksOptions) -> int:
    """Print the table."""
    from engine.following.config import FollowConfig
    from offline.evaluation.following import evaluate_tracks, follow_piece
    from offline.following.presets import follow_by

    follow = follow_piece(follow_by(options.features, FollowConfig(method=options.follow)), options.reading)
    with announced_compiling():
        counts = evaluate_tracks(options.folder, follow, csv=options.csv, plots=options.plots)
    then = "" if options.plots else "add --plots DIR to see where it errs"
    return evaluated(counts, [options.csv, options.plots], then=then)
