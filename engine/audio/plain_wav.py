"""Write a sound as a WAV file whose bytes depend on nothing but the sound."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from engine.core.errors import AudioFileError

__all__ = ["write_plain_wav"]

ADD_PEAK_CHUNK = 0x1050  # libsndfile's SFC_SET_ADD_PEAK_CHUNK: a chunk with the time of writing


def write_plain_wav(path: Path, sound: npt.NDArray[np.float32], sample_rate: int) -> None:
    """Write a sound (sample,) as 32-bit float WAV, without a time stamp; AudioFileError where that cannot be."""
    try:
        with soundfile.SoundFile(os.fsencode(path), "w", sample_rate, 1, subtype="FLOAT", format="WAV") as file:
            # soundfile has no public name for this command.
            soundfile._snd.sf_command(file._file, ADD_PEAK_CHUNK, soundfile._ffi.NULL, 0)
            file.write(sound)
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioFileError(str(path), expected="a place to write", got=str(error)) from error
