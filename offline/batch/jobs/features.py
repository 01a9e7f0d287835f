"""The job that writes features of a recording as arrays, with the clock of their frames beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from engine.audio.files import AudioReader
from engine.core.config import Settings, choice, plain
from engine.core.format import AudioFormat
from engine.core.whole_file import whole_text
from engine.following.embedder import Embedder, EmbedderConfig
from engine.following.salience import any_front_end
from offline.batch.feature_choices import ARRAY_FORMATS, BATCH_FEATURES
from offline.batch.jobs.length import seconds_of
from offline.batch.outputs.array_files import array_writer
from offline.batch.task import BatchItem, LocalFiles, Outcome, Pulse, TableSpec, Work
from offline.following.presets import shipped_features

__all__ = ["FRAME_CLOCK", "FeaturesJob"]

FRAME_CLOCK = "clock.json"
BLOCK = 1 << 14


class _Front(Protocol):
    """Audio to features: a front end or the embedder."""

    n_features: int

    @property
    def latency(self) -> int: ...

    def centre(self, frame: int) -> int: ...

    def process(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesJob(Settings):
    """Write features of each recording, one array each."""

    features: tuple[str, ...] = choice(MISSING, BATCH_FEATURES, "front ends, or learned embeddings")
    form: str = choice("npy", ARRAY_FORMATS, "of the arrays")
    salience: Path = plain(shipped_features("salience"), "network of salience")
    learned: Path = plain(shipped_features("learned"), "network of learned features")

    kind: ClassVar[str] = "features"
    ending: ClassVar[str] = "/"
    tables: ClassVar[Mapping[str, TableSpec]] = {}

    def begin(self) -> Work:
        """Return the work; networks are loaded for the format of each recording."""
        return self._write

    def _write(self, item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
        seconds, clocks, shortfall = seconds_of(files.audio, pulse), {}, ""
        part.mkdir(parents=True)
        for name in self.features:
            with AudioReader(files.audio) as reader:
                clocks[name] = self._array(name, reader, part, pulse)
                shortfall = reader.shortfall
        with whole_text(part / FRAME_CLOCK) as file:
            json.dump({"recording": item.name, "features": clocks}, file, indent=1)
        return Outcome(audio_s=seconds, shortfall=shortfall)

    def _array(self, name: str, reader: AudioReader, part: Path, pulse: Pulse) -> dict[str, float | int]:
        """Stream the recording through a front end into a file; the clock of the frames."""
        front = self._front(name, reader.format)
        skip = next(k for k in range(1 << 20) if front.centre(k) >= 0)
        clock = _clock(front, skip, reader.format.sample_rate)
        with array_writer(self.form, part / name, front.n_features, clock) as write:
            n_frames, n_samples = 0, 0
            for block in reader.blocks(BLOCK):
                if pulse.stop.is_set():
                    break
                n_samples += len(block)
                n_frames += _kept(front, front.process(block), n_frames, skip, n_samples, write)
            silence = np.zeros((front.latency, reader.format.n_channels), np.float32)
            _kept(front, front.process(silence), n_frames, skip, n_samples, write)
        return clock

    def _front(self, name: str, audio: AudioFormat) -> _Front:
        if name == "learned":
            return Embedder(EmbedderConfig(model=self.learned), audio)
        return any_front_end(name, audio, weights=self.salience)


def _clock(front: _Front, skip: int, sample_rate: int) -> dict[str, float | int]:
    """When the frames are: frame t describes the instant `first_s + t / rate_hz` of the recording."""
    far = skip + (1 << 20)
    hop = (front.centre(far) - front.centre(skip)) / (1 << 20)  # of a resampled front end it is no whole number
    return {
        "sample_rate": sample_rate,
        "hop_samples": hop,
        "rate_hz": sample_rate / hop,
        "first_s": front.centre(skip) / sample_rate,
        "n_features": front.n_features,
    }


def _kept(
    front: _Front,
    frames: npt.NDArray[np.float32],
    first: int,
    skip: int,
    n_samples: int,
    write: Callable[[npt.NDArray[np.float32]], None],
) -> int:
    """Write those frames that describe an instant of the recording; return how many frames there were."""
    begin, end = max(0, skip - first), len(frames)
    while end > begin and front.centre(first + end - 1) >= n_samples:
        end -= 1
    if end > begin:
        write(frames[begin:end])
    return len(frames)
