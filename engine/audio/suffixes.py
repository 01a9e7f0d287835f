"""Which files are recordings, by their suffix: what libsndfile reads, and what FFmpeg reads besides where it is."""

from __future__ import annotations

import shutil
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import soundfile

__all__ = ["FFMPEG_SUFFIXES", "has_ffmpeg", "is_audio", "readable_suffixes"]

FORMAT_COUNT, FORMAT_INFO = 0x1030, 0x1031  # libsndfile's SFC_GET_FORMAT_MAJOR_COUNT and SFC_GET_FORMAT_MAJOR
OTHER_NAMES = {
    "wav": ("wave", "bwf", "rf64"),
    "aiff": ("aif", "aifc"),
    "au": ("snd",),
    "iff": ("8svx", "svx"),
    "oga": ("ogg", "opus"),
    "m1a": ("mp3", "mp2", "mp1", "mpga"),
    "sf": ("ircam",),
}
NO_SOUND = {"raw", "mat", "mpc", "xi", "sf", "sd2"}  # without a header, or mostly other things under that name
SPEECH = {"sph", "nist"}  # NIST's own names, of which libsndfile knows only `wav`
FFMPEG_SUFFIXES = frozenset(
    (
        "m4a",
        "m4b",
        "aac",
        "alac",
        "wma",
        "amr",
        "3gp",
        "3ga",
        "mka",
        "weba",
        "ac3",
        "eac3",
        "dts",
        "ape",
        "wv",
        "tta",
        "spx",
    )
)


@cache
def readable_suffixes() -> frozenset[str]:
    """Return the suffixes of recordings that can be read here, in small letters, without the dot."""
    own = _libsndfile_suffixes() - NO_SOUND | SPEECH
    return frozenset(own | (FFMPEG_SUFFIXES if has_ffmpeg() else frozenset()))


def is_audio(path: Path) -> bool:
    """Return whether the file's suffix is one of a recording that can be read here."""
    return path.suffix[1:].lower() in readable_suffixes()


def has_ffmpeg() -> bool:
    """Return whether FFmpeg is here, as the package PyAV or as a program."""
    return find_spec("av") is not None or shutil.which("ffmpeg") is not None


def _libsndfile_suffixes() -> set[str]:
    """The suffix of every format that this libsndfile was built with, and the other names of each."""
    ffi, library = soundfile._ffi, soundfile._snd  # soundfile has no public name for these
    count, info = ffi.new("int*"), ffi.new("SF_FORMAT_INFO*")
    library.sf_command(ffi.NULL, FORMAT_COUNT, count, ffi.sizeof("int"))
    found = set()
    for info.format in range(count[0]):
        library.sf_command(ffi.NULL, FORMAT_INFO, info, ffi.sizeof("SF_FORMAT_INFO"))
        found.add(ffi.string(info.extension).decode())
    return found | {name for suffix in found for name in OTHER_NAMES.get(suffix, ())}
