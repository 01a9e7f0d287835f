"""Open a recording, whatever is odd about it: a header without a length, a cut end, a format that only FFmpeg reads."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from engine.audio.ffmpeg import is_for_ffmpeg, read_by_ffmpeg
from engine.audio.headers import PAGE, ends_within_page, read_audio_header
from engine.core.errors import AudioFileError

__all__ = ["OpenedSound", "open_recording", "read_block", "system_reason"]

ENDLESS = 1 << 62  # libsndfile's number of samples where the header has none
BLOCK = 1 << 16
CONVERT = "convert it to WAV or FLAC, for example: ffmpeg -i FILE out.wav"


@dataclass(frozen=True, slots=True, eq=False)
class OpenedSound:
    """An open file.

    n_samples: that can be read, or that a compressed file promises
    promised: samples that its header promises; `n_samples` where that is not known
    is_cut: whether it ends where no such file ends, if it cannot be known how much is missing
    """

    file: soundfile.SoundFile
    n_samples: int
    promised: int
    is_cut: bool = False


def open_recording(path: Path) -> OpenedSound:
    """Open a recording; AudioFileError if it is not there, is empty or is not audio."""
    size = _size(path)
    try:
        found = _open(path, size)
    except (soundfile.LibsndfileError, TypeError, OSError) as error:
        if is_for_ffmpeg(path):
            return _whole(soundfile.SoundFile(os.fsencode(read_by_ffmpeg(path))))
        raise AudioFileError(str(path), expected="an audio file", got=system_reason(error), remedy=CONVERT) from error
    if found.n_samples == 0:
        found.file.close()
        got = "a file that was cut off before it" if found.is_cut or found.promised else "a header without samples"
        raise AudioFileError(str(path), expected="at least one sample", got=got)
    return found


def _size(path: Path) -> int:
    """The size of the file in bytes; AudioFileError for what is no file, or empty."""
    where, expected = str(path), "an audio file"
    if re.match(r"[a-z]{2,}:/", where, re.IGNORECASE):
        remedy = "download it first, for example: curl -O ADDRESS"
        raise AudioFileError(where, expected=f"{expected} on this machine", got="an address", remedy=remedy)
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        got = "a link that leads nowhere" if path.is_symlink() else "nothing there"
        raise AudioFileError(where, expected=expected, got=got, remedy="check the path") from None
    except (OSError, ValueError) as error:
        raise AudioFileError(where, expected=expected, got=system_reason(error)) from error
    if stat.S_ISDIR(status.st_mode):
        raise AudioFileError(where, expected=expected, got="a folder", remedy="name the files in it")
    if not stat.S_ISREG(status.st_mode):
        remedy = "write it to a file first, for example: cat > recording.wav"
        raise AudioFileError(where, expected=expected, got="a pipe or a device, which is read only once", remedy=remedy)
    if status.st_size == 0:
        raise AudioFileError(where, expected=expected, got="an empty file (0 bytes)")
    return status.st_size


def _open(path: Path, size: int) -> OpenedSound:
    with path.open("rb") as raw:
        header = read_audio_header(raw, size)
        raw.seek(0)
        is_cut = raw.read(4) == PAGE and ends_within_page(raw, size)
    if header is None or not header.patches:
        found = _counted(path)
        promised = found.n_samples if header is None else header.promised(found.n_samples)
        return OpenedSound(found.file, found.n_samples, max(promised, found.n_samples), is_cut)
    file = soundfile.SoundFile(PatchedFile(path, header.patches, size))
    return OpenedSound(file, file.frames, max(file.frames, header.promised(file.frames)))


def _counted(path: Path) -> OpenedSound:
    """Open a file whose header may lack the number of samples, as of FLAC from a pipe: then they are counted."""
    file = soundfile.SoundFile(os.fsencode(path))
    if file.frames < ENDLESS:
        return _whole(file)
    n, at_end = 0, False
    while not at_end:
        part, at_end = read_block(file, BLOCK)
        n += len(part)
    file.close()
    return OpenedSound(soundfile.SoundFile(os.fsencode(path)), n, n)


def read_block(file: soundfile.SoundFile, block: int) -> tuple[npt.NDArray[np.float32], bool]:
    """Return the next samples (sample, channel), and whether the file or what is sound in it ends there.

    libsndfile fails a whole block for its damaged end; the samples before it are those that the NaN are gone from.
    """
    out = np.full((block, file.channels), np.nan, np.float32)
    try:
        part = file.read(out=out)
    except soundfile.LibsndfileError:
        filled = np.flatnonzero(~np.isnan(out).any(axis=1))
        return (out[: filled[-1] + 1] if len(filled) else out[:0]), True
    return part, len(part) == 0


def _whole(file: soundfile.SoundFile) -> OpenedSound:
    return OpenedSound(file, file.frames, file.frames)


class PatchedFile(io.RawIOBase):
    """A file of which some bytes read otherwise; of `size` bytes, even if it grows."""

    def __init__(self, path: Path, patches: Mapping[int, bytes], size: int) -> None:
        self._file: BinaryIO = path.open("rb")
        self._patches, self._size = patches, size

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read as a file does."""
        at = self._file.tell()
        content = bytearray(self._file.read(min(len(buffer), max(0, self._size - at))))
        for place, patch in self._patches.items():
            for i, value in enumerate(patch, place - at):
                if 0 <= i < len(content):
                    content[i] = value
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, as a file does."""
        if whence == os.SEEK_END:
            return self._file.seek(self._size + offset)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def system_reason(error: BaseException) -> str:
    """Return the message of libsndfile or the system, without the path, which is printed anyway."""
    if isinstance(error, soundfile.LibsndfileError):
        return str(error.error_string).rstrip(".")
    return getattr(error, "strerror", None) or str(error)
