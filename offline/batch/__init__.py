"""Jobs over files."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from offline.batch.file_job import FileJob, JobReport, run_file
    from offline.batch.jobs.stems import Separation, StreamSeparation, WholeFileSeparation
    from offline.batch.output_folders import StemJob
    from offline.batch.piece_folders import EvaluationPiece, PieceCounts, find_pieces
    from offline.batch.separate import separate_files
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "EvaluationPiece",
    "FileJob",
    "JobReport",
    "PieceCounts",
    "Separation",
    "StemJob",
    "StreamSeparation",
    "WholeFileSeparation",
    "find_pieces",
    "run_file",
    "separate_files",
]
