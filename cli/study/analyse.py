"""`collaparte study analyse`: what listeners think, with confidence intervals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import INPUT, argument, command, csv_file, option, random_seed
from cli.terminal.report import wrote
from engine.core.config import Settings, plain, ranged

__all__ = ["StudyAnalyseOptions", "study_analyse_command"]

EXAMPLES = """\
examples:
  collaparte study analyse study/                               all files of study/answers
  collaparte study analyse study/ --answers ratings-anna.json --csv table.csv
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyAnalyseOptions(Settings):
    """Options of `collaparte study analyse`."""

    folder: Path = argument("FOLDER", "folder of the study")
    answers: tuple[Path, ...] = option(
        plain((), "files that listeners saved (default those in FOLDER/answers)"),
        metavar="FILE...",
        several=True,
        group=INPUT,
    )
    confidence: float = option(ranged(0.95, 0.5, 0.999, "confidence of the intervals"), metavar="X")
    seed: int = random_seed(0, "of what is drawn anew for the intervals")
    csv: Path | None = csv_file()


@command(StudyAnalyseOptions, EXAMPLES)
def study_analyse_command(options: StudyAnalyseOptions) -> int:
    """Print the analysis."""
    from offline.evaluation.study.ratings import read_ratings
    from offline.evaluation.study.report import analyse_study, report_study, write_study_csv

    ratings = read_ratings(options.folder, options.answers)
    scores = analyse_study(ratings, confidence=options.confidence, seed=options.seed)
    print(report_study(scores, options.confidence))
    if options.csv is not None:
        write_study_csv(options.csv, scores)
        wrote([options.csv], then="")
    return 0
