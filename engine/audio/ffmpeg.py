"""Recordings that only FFmpeg reads, such as M4A: decoded once to a temporary file, by PyAV or the program `ffmpeg`."""

from __future__ import annotations

import importlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import soundfile

from engine.audio.suffixes import FFMPEG_SUFFIXES, has_ffmpeg
from engine.core.errors import AudioFileError

__all__ = ["is_for_ffmpeg", "read_by_ffmpeg"]

WITH_PICTURES = ("mp4", "m4v", "mov", "mkv", "webm", "avi")
REMEDY = "pip install av, or install ffmpeg; or convert it to WAV or FLAC"


def is_for_ffmpeg(path: Path) -> bool:
    """Return whether the suffix is of a format that FFmpeg reads and libsndfile does not."""
    return path.suffix[1:].lower() in (*FFMPEG_SUFFIXES, *WITH_PICTURES)


def read_by_ffmpeg(path: Path) -> Path:
    """Decode the first sound of a file to a temporary WAV; AudioFileError if that fails, or FFmpeg is not here."""
    if not has_ffmpeg():
        got = f"a .{path.suffix[1:]} file, which only FFmpeg reads"
        raise AudioFileError(str(path), expected="an audio file", got=got, remedy=REMEDY)
    status = path.stat()
    return Path(_decoded(path, status.st_mtime_ns, status.st_size).name)


@lru_cache(maxsize=1)
def _decoded(path: Path, changed_ns: int, size: int) -> Any:
    """The temporary file; it is deleted with the next file that is decoded, or when the process ends."""
    del changed_ns, size
    target = tempfile.NamedTemporaryFile(prefix="collaparte-", suffix=".wav")  # noqa: SIM115
    with _told(path):
        if find_spec("av") is not None:
            _by_library(importlib.import_module("av"), path, target.name)
        else:
            _by_program(path, target.name)
    return target


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # PyAV raises kinds of its own, which only its users can name
        got = " ".join(str(getattr(error, "strerror", None) or error).split())[:100]
        raise AudioFileError(str(path), expected="an audio file", got=got, remedy=REMEDY) from error


def _by_library(av: Any, path: Path, target: str) -> None:
    with path.open("rb") as raw, av.open(raw, metadata_errors="replace") as container:
        stream = container.streams.audio[0]
        rate, n_channels = stream.rate, stream.channels
        resampler = av.AudioResampler(format="flt", layout=stream.layout, rate=rate)
        with soundfile.SoundFile(target, "w", rate, n_channels, subtype="FLOAT", format="RF64") as file:
            for frame in container.decode(stream):
                for part in resampler.resample(frame):
                    file.write(part.to_ndarray().reshape(-1, n_channels))
            for part in resampler.resample(None):
                file.write(part.to_ndarray().reshape(-1, n_channels))


def _by_program(path: Path, target: str) -> None:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", f"file:{path}"]
    command += ["-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "wav", "-rf64", "auto", target]
    done = subprocess.run(list(map(os.fsencode, command)), capture_output=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr.decode("utf-8", "replace").strip().rpartition(": ")[2] or "no sound")
