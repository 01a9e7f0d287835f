"""Jobs over files."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from offline.batch.file_job import FileJob, JobReport, run_file
    from offline.batch.separate import by_stream, by_whole_file, separate_files
else:
    __getattr__ = lazy(__name__)

__all__ = ["FileJob", "JobReport", "by_stream", "by_whole_file", "run_file", "separate_files"]
