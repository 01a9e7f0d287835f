"""The job that finds sound events and tags in a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import ClassVar

from engine.core.config import Settings, plain
from engine.detection.crnn import SoundConfig
from offline.batch.jobs.length import seconds_of
from offline.batch.task import BatchItem, LocalFiles, Outcome, Pulse, TableSpec, Work
from offline.datasets.scenes import EVENT_HEADER
from offline.detection.tagging import TAG_HEADER, Tagger

__all__ = ["EVENT_TABLE", "TAG_TABLE", "TagJob"]

EVENT_TABLE, TAG_TABLE = "events", "tags"
DECIMALS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TagJob(Settings):
    """Find the sound events and the tags of each recording."""

    detect: SoundConfig = plain(MISSING, "the network and its decisions")

    kind: ClassVar[str] = "tag"
    ending: ClassVar[str] = ""
    tables: ClassVar[Mapping[str, TableSpec]] = {
        EVENT_TABLE: TableSpec(EVENT_HEADER, ("onset", "offset")),
        TAG_TABLE: TableSpec(TAG_HEADER, ("probability",)),
    }

    def begin(self) -> Work:
        """Load the network."""
        tagger = Tagger(self.detect)

        def tag(item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
            seconds = seconds_of(files.audio, pulse)
            found = tagger.tag(files.audio)
            events = [[round(e.onset_s, DECIMALS), round(e.offset_s, DECIMALS), e.label] for e in found.events]
            tags = [[label, round(probability, DECIMALS)] for label, probability in found.tags.items()]
            rows = {EVENT_TABLE: events, TAG_TABLE: tags}
            return Outcome(audio_s=seconds, tables=rows, shortfall=found.shortfall)

        return tag
