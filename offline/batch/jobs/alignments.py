"""The jobs that take a score and a recording: align it as a whole, or follow it as it would be followed live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from engine.core.config import Settings, plain
from engine.core.format import AudioFormat
from engine.following.config import FollowConfig
from engine.pipeline.pipeline import PipelineConfig
from engine.score.score_config import ScoreConfig
from offline.alignment.alignment import AlignConfig, align, write_alignment
from offline.batch.file_job import FileJob, run_file
from offline.batch.jobs.length import seconds_of
from offline.batch.task import BatchItem, LocalFiles, Outcome, Pulse, TableSpec, Work
from offline.following.score_input import read_score_input, read_score_or_recording
from offline.recording import Recording

__all__ = ["AlignJob", "FollowJob"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignJob(Settings):
    """Write when each onset of a score sounds in a recording of it."""

    config: AlignConfig = plain(AlignConfig, "how a recording is aligned")
    reading: ScoreConfig = plain(ScoreConfig, "how scores are read")

    kind: ClassVar[str] = "align"
    ending: ClassVar[str] = ".csv"
    tables: ClassVar[Mapping[str, TableSpec]] = {}

    def begin(self) -> Work:
        """Templates belong to each piece: nothing is loaded before."""
        return self._align

    def _align(self, item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
        seconds = seconds_of(files.audio, pulse)
        recording = Recording.open(files.audio)
        score = read_score_or_recording(files.score, recording.format, self.config.follow, self.reading)
        result = align(score, recording, self.config)
        write_alignment(part, result)
        doubts = [] if result.fits else [f"{item.about} hardly sounds like {item.score}: do not rely on this"]
        wrong = "; ".join([*sorted(recording.shortfalls), *doubts])
        return Outcome(audio_s=seconds, shortfall=wrong, said=[result.pitch] if result.pitch else [])


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowJob(Settings):
    """Write the events of following a score through a recording, as live."""

    follow: FollowConfig = plain(FollowConfig, "how it is followed")
    reading: ScoreConfig = plain(ScoreConfig, "how scores are read")

    kind: ClassVar[str] = "follow"
    ending: ClassVar[str] = ".jsonl"
    tables: ClassVar[Mapping[str, TableSpec]] = {}

    def begin(self) -> Work:
        """Templates belong to each piece: nothing is loaded before."""
        return self._follow

    def _follow(self, item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
        del item

        def configure(audio: AudioFormat) -> PipelineConfig:
            score = read_score_input(files.score, audio, self.follow, self.reading)
            return PipelineConfig(score=score, follow=self.follow)

        seconds = seconds_of(files.audio, pulse)
        report = run_file(FileJob(input=files.audio, configure=configure, events=str(part)), stop=pulse.stop)
        return Outcome(audio_s=seconds, shortfall=report.stream.shortfall)
