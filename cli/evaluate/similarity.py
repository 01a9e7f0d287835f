"""`collaparte evaluate similarity`: the table of its paper."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import INPUT, argument, command, csv_file, option, picture
from cli.terminal.report import evaluated
from engine.core.config import plain
from offline.training.similarity.config import SimilarityTable

__all__ = ["EvaluateSimilarityOptions", "evaluate_similarity_command"]

EXAMPLES = """\
examples:
  collaparte evaluate similarity pieces/ --csv table.csv --plot table.png
  collaparte evaluate similarity pieces/ --networks runs/ --live mine.onnx
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSimilarityOptions(SimilarityTable):
    """Options of `collaparte evaluate similarity`."""

    folder: Path = argument("FOLDER", "a folder of pieces: score, performance and truth.csv")
    networks: Path | None = option(plain(None, "folder of runs of `train similarity`"), metavar="DIR", group=INPUT)
    live: Path | None = option(plain(None, "file of the live network"), metavar="FILE.onnx", group=INPUT)
    csv: Path | None = csv_file()
    plot: Path | None = picture("draw the table: percent of onsets over milliseconds")


@command(EvaluateSimilarityOptions, EXAMPLES)
def evaluate_similarity_command(options: EvaluateSimilarityOptions) -> int:
    """Print the table."""
    from offline.batch.piece_folders import find_pieces
    from offline.training.similarity.paper_table import similarity_table

    print(similarity_table(options))
    if options.networks is None:
        print("trained networks are left out: `collaparte recipe siamese-table` makes them, then add --networks runs/")
    return evaluated(find_pieces(options.folder).counts(0), [options.csv, options.plot])
