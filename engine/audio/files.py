"""Read and write audio files block by block.

Any format that libsndfile supports is read; stems are written as 32-bit float WAV, readable even after a kill.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import soundfile

from engine.audio.opening import open_recording, read_block, system_reason
from engine.core.errors import AudioFileError
from engine.core.format import AudioFormat

__all__ = ["STEM_BYTES", "AudioReader", "AudioWriter", "StemWriter", "read_shortfall"]

FULL_BYTES = 1 << 16
STEM_BYTES = 4  # of a sample of a stem
BLOCK = 8192  # samples read at a time by default
FLUSH_S = 1.0  # seconds of a recording that a killed process may lose
RF64_AUTO_DOWNGRADE = 0x1210  # libsndfile's SFC_RF64_AUTO_DOWNGRADE: plain WAV until the file passes 4 GiB

Audio = npt.NDArray[np.float32]


class AudioReader:
    """Read an audio file as blocks (sample, channel) of float32; full scale is 1.

    n_samples: that the file holds, or promises if it is compressed
    missing: samples that the header declares and a truncated file lacks, once its end has been read
    is_cut: whether the file was cut off, at its end also without knowing how many samples are missing

    AudioFileError if it cannot be opened, is empty or is not audio.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        opened = open_recording(self.path)
        self._file = opened.file
        try:
            self.format = AudioFormat(sample_rate=self._file.samplerate, n_channels=self._file.channels)
        except ValueError as error:
            raise AudioFileError(str(path), expected="a usable rate and channel count", got=str(error)) from error
        self.n_samples, self.promised, self.is_cut = opened.n_samples, opened.promised, opened.is_cut
        self.missing = self.n_read = 0

    def blocks(self, block: int = BLOCK) -> Iterator[Audio]:
        """Yield the file from the current position to its end; a truncated or damaged end ends it early."""
        at_end = False
        while not at_end:
            part, at_end = read_block(self._file, block)
            if len(part):
                self.n_read += len(part)
                yield part
        self.missing = max(0, self.promised - self.n_read)
        self.is_cut |= self.missing > 0

    @property
    def shortfall(self) -> str:
        """Return what is said of a file that was cut off, once its end has been read; empty if it is whole."""
        if not self.is_cut:
            return ""
        rate = self.format.sample_rate
        got = f"{self.n_read} ({self.n_read / rate:.1f} s)"
        expected = f"{self.promised} samples, as its header says" if self.missing else "a whole file"
        got = got if self.missing else f"one that was cut off after {got} samples"
        return str(AudioFileError(str(self.path), expected=expected, got=got, remedy="what is there was taken"))

    def read(self) -> Audio:
        """Return the whole file (sample, channel) from its beginning."""
        if self.n_read:
            self.close()
            self._file, self.n_read = open_recording(self.path).file, 0  # not every format can seek
        parts = list(self.blocks())
        return np.concatenate(parts) if parts else np.zeros((0, self.format.n_channels), np.float32)

    def close(self) -> None:
        """Close the file; a second call has no effect."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def read_shortfall(path: Path) -> tuple[str, int]:
    """Read a whole file; return what is to say if it was cut off, else an empty text, and how many samples it lacks."""
    with AudioReader(path) as reader:
        for _ in reader.blocks():
            pass
        return reader.shortfall, reader.missing


class AudioWriter:
    """Write a 32-bit float WAV that can be read at any time while it grows, even after a kill.

    Its header is updated once per second of audio; beyond 4 GiB it becomes RF64.
    AudioFileError if the disk is full or the file cannot be written; what was written before remains.
    """

    def __init__(self, path: str | Path, audio: AudioFormat) -> None:
        self.path, self.audio, self.n_written = Path(path), audio, 0
        self._unflushed = 0
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = soundfile.SoundFile(
                os.fsencode(path), "w", audio.sample_rate, audio.n_channels, subtype="FLOAT", format="RF64"
            )
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioFileError(str(path), expected="a place to write", got=system_reason(error)) from error
        # soundfile has no public name for this command.
        soundfile._snd.sf_command(self._file._file, RF64_AUTO_DOWNGRADE, soundfile._ffi.NULL, 1)

    def write(self, block: Audio) -> None:
        """Append a block (sample, channel)."""
        try:
            self._file.write(block)
            self._unflushed += len(block)
            if self._unflushed >= FLUSH_S * self.audio.sample_rate:
                self._file.flush()
                self._unflushed = 0
        except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
            raise self._full(system_reason(error)) from error
        self.n_written += len(block)

    def skip_to(self, n: int) -> None:
        """Go on at sample `n`; what lies before it and was not written is silent."""
        try:
            self._file.seek(n)
        except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
            raise self._full(system_reason(error)) from error
        self.n_written = n

    def _full(self, reason: str) -> AudioFileError:
        seconds = self.audio.seconds(self.n_written)
        if shutil.disk_usage(self.path.parent).free < FULL_BYTES:
            reason = "a full disk"  # libsndfile says only "System error"
        return AudioFileError(
            str(self.path),
            expected="room on the disk",
            got=f"{reason} after {seconds:.1f} s",
            remedy="free some space; what was written stays readable",
        )

    def close(self) -> None:
        """Update the header and close; a second call has no effect."""
        try:
            self._file.close()
        except (soundfile.LibsndfileError, OSError) as error:
            raise self._full(system_reason(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class StemWriter:
    """Write one WAV per target in a directory, aligned with the input: the first `skip` samples are not written.

    skip: the latency of the stems, in samples
    n_written: samples in each file
    """

    def __init__(self, directory: str | Path, targets: tuple[str, ...], audio: AudioFormat, *, skip: int = 0) -> None:
        self.directory = Path(directory)
        self.n_written = 0
        self._latency = self._skip = skip
        self.writers = {name: AudioWriter(self.directory / f"{name}.wav", audio) for name in targets}

    def write(self, stems: Audio, *, end: int | None = None) -> None:
        """Append stems (sample, target, channel); what lies before the start, or beyond `end` samples, is dropped."""
        dropped = min(self._skip, len(stems))
        self._skip -= dropped
        stems = stems[dropped:]
        if end is not None:
            stems = stems[: max(0, end - self.n_written)]
        for index, writer in enumerate(self.writers.values()):
            writer.write(stems[:, index])
        self.n_written += len(stems)

    def skip_to(self, n: int) -> None:
        """Go on at sample `n` of the stems, those before the start included; what was left out until then is silent."""
        self._skip, self.n_written = max(0, self._latency - n), max(0, n - self._latency)
        for writer in self.writers.values():
            writer.skip_to(self.n_written)

    def close(self) -> None:
        """Close every file, even if closing one of them fails."""
        errors = []
        for writer in self.writers.values():
            try:
                writer.close()
            except AudioFileError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
