"""The jobs that make takes and pitch salience to train on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from engine.core.config import Settings, plain
from engine.dsp.harmonic import HcqtConfig
from offline.batch.task import BatchItem, LocalFiles, Outcome, Pulse, TableSpec, Work
from offline.datasets.corpus_scores import Library
from offline.datasets.performances import TakeConfig
from offline.datasets.piano_recordings import PianoRecording
from offline.training.salience.data import render_recordings, write_salience_recording
from offline.training.similarity.data import StoredTake, cut_take, render_take, save_take

__all__ = ["CutTakesJob", "SalienceSetJob", "TakesJob", "excerpt_items", "library_items"]


def library_items(names: Sequence[str], ending: str = "") -> list[BatchItem]:
    """Return pieces as items; the path is the piece's name in its library."""
    return [BatchItem(f"{name}{ending}", name) for name in names]


def excerpt_items(recordings: Sequence[PianoRecording], n: int) -> list[BatchItem]:
    """Return n excerpts as items, one of each recording before a second of any; the score is its MIDI."""
    found = []
    for i in range(n):
        recording, turn = recordings[i % len(recordings)], i // len(recordings)
        found.append(BatchItem(f"{recording.name}-{turn}.npz", str(recording.audio), str(recording.midi)))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TakesJob(Settings):
    """Render a take of each piece of a library."""

    chorales: Path | None = plain(None, "chorales as packed by `data music21`")
    take: TakeConfig = plain(TakeConfig, "how it is performed")
    small: bool = plain(False, "store sounds as Ogg Vorbis")

    kind: ClassVar[str] = "takes"
    ending: ClassVar[str] = ".npz"
    tables: ClassVar[Mapping[str, TableSpec]] = {}

    def begin(self) -> Work:
        """Open the library."""
        library = Library.open(self.chorales)

        def write(item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
            del files, pulse
            take = render_take(library, item.path, self.take)
            save_take(part, take, small=self.small)
            return _seconds(take)

        return write


@dataclass(frozen=True, slots=True, kw_only=True)
class CutTakesJob(Settings):
    """Cut a take out of each recording."""

    take: TakeConfig = plain(TakeConfig, "how its keys are played plainly")
    small: bool = plain(False, "store sounds as Ogg Vorbis")

    kind: ClassVar[str] = "excerpts"
    ending: ClassVar[str] = ".npz"
    tables: ClassVar[Mapping[str, TableSpec]] = {}

    def begin(self) -> Work:
        """Nothing is loaded before."""
        return self._write

    def _write(self, item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
        del pulse
        name, _, turn = item.name.removesuffix(self.ending).rpartition("-")
        take = cut_take(PianoRecording(name=name, audio=files.audio, midi=files.score), int(turn), self.take)
        save_take(part, take, small=self.small)
        return _seconds(take)


def _seconds(take: StoredTake) -> Outcome:
    return Outcome(audio_s=len(take.audio) / take.sample_rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class SalienceSetJob(Settings):
    """Pack constant-Q frames and notes of each piece of a library, as it was played and as it is written."""

    chorales: Path | None = plain(None, "chorales as packed by `data music21`")
    take: TakeConfig = plain(TakeConfig, "how it is performed")
    seed: int = plain(0, "of all performances")
    transform: HcqtConfig = plain(HcqtConfig, "of the frames")

    kind: ClassVar[str] = "salience"
    ending: ClassVar[str] = "/"
    tables: ClassVar[Mapping[str, TableSpec]] = {}

    def begin(self) -> Work:
        """Open the library."""
        library = Library.open(self.chorales)

        def write(item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
            del files, pulse
            part.mkdir()
            for recording in render_recordings(library, item.path, self.take, self.seed, self.transform):
                write_salience_recording(part, recording)
            return Outcome()

        return write
