"""Jobs that measure what a batch itself costs; in a module of their own, which workers import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from engine.core.config import Settings, ranged
from offline.batch.task import BatchItem, LocalFiles, Outcome, Pulse, TableSpec, Work

__all__ = ["RowJob"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowJob(Settings):
    """Read a file and give one row, nothing else."""

    factor: int = ranged(1, 1, 100, "what each byte counts")

    kind: ClassVar[str] = "row"
    ending: ClassVar[str] = ""
    tables: ClassVar[Mapping[str, TableSpec]] = {"rows": TableSpec(("filename", "bytes"), ("bytes",))}

    def begin(self) -> Work:
        """Nothing is loaded."""

        def row(item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
            del item, part, pulse
            return Outcome(audio_s=1.0, tables={"rows": [[float(self.factor * len(files.audio.read_bytes()))]]})

        return row
