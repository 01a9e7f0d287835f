"""Songs as folders of stems: MUSDB18-HQ's layout (SONG/vocals.wav ...), or any folder of such folders.

A stem that is not a target is part of `rest`, if that is a target, else of `other`, if that is one. A target without a
file is silence; but if the song has an `other`, it may be contained in it: then those two cannot be told apart, and are
marked so. `mixture.*` is ignored: the mixture is the sum of the stems.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.audio.files import AudioReader
from engine.audio.suffixes import is_audio
from engine.core.errors import AudioFileError, ConfigError
from engine.separation.config import REST_STEM

__all__ = ["REST", "Corpus", "Song", "find_songs", "load_stems", "parse_corpus"]

REST = "other"
IGNORED = ("mixture", "linear_mixture")
FULL_SCALE = 32767.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """One folder of stems.

    name: of the folder
    stems: files by name
    merged: names whose content its stems do not tell apart
    """

    name: str
    stems: dict[str, Path]
    merged: frozenset[str] = frozenset()

    def parts(self, target: str, targets: Sequence[str]) -> list[Path]:
        """Return the files that sum to `target` when separating into `targets`."""
        own = [self.stems[target]] if target in self.stems else []
        if target == (REST_STEM if REST_STEM in targets else REST):
            own += [path for name, path in self.stems.items() if name not in targets]
        return own

    def inseparable(self, targets: Sequence[str]) -> frozenset[str]:
        """Return targets that cannot be told apart in this song: as marked, or without a file beside `other`."""
        without = {target for target in targets if target not in self.stems and target != REST_STEM}
        missing = without if REST in self.stems else set()
        marked = (self.merged | missing) & set(targets)
        together = marked | ({REST} & set(targets) if missing else set())
        return frozenset(together) if len(together) > 1 else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A folder of songs.

    folder: of the songs
    weight: how often it is drawn against other corpora
    merged: see `Song`
    """

    folder: Path
    weight: float = 1.0
    merged: frozenset[str] = field(default_factory=frozenset)


def parse_corpus(text: str) -> Corpus:
    """Read `FOLDER`, `FOLDER:WEIGHT` or `FOLDER:WEIGHT:bass+other`.

    >>> parse_corpus("songs:0.5:bass+other").weight
    0.5
    """
    folder, *rest = text.rsplit(":", 2) if text.count(":") > 1 else text.split(":")
    try:
        weight = float(rest[0]) if rest else 1.0
    except ValueError as error:
        raise ConfigError("corpus", expected="FOLDER[:WEIGHT[:NAME+NAME]]", got=repr(text)) from error
    return Corpus(folder=Path(folder), weight=weight, merged=frozenset(rest[1].split("+") if rest[1:] else ()))


def find_songs(
    corpus: Corpus, *, exclude: Collection[str] = (), only: Collection[str] = (), needed: bool = True
) -> list[Song]:
    """Return every folder of stems below the corpus, by name; AudioFileError if none is left and one is needed."""
    songs = [song for song in _walk(corpus) if song.name not in exclude and (not only or song.name in only)]
    if needed and not songs:
        raise AudioFileError(
            str(corpus.folder),
            expected="folders of stems such as SONG/vocals.wav, SONG/drums.wav, SONG/other.wav",
            got="none",
        )
    return songs


def _walk(corpus: Corpus) -> Iterator[Song]:
    for folder, _, names in sorted(os.walk(corpus.folder, followlinks=True)):
        paths = [Path(folder, name) for name in sorted(names)]
        files = [path for path in paths if is_audio(path) and path.stem not in IGNORED]
        if files:
            yield Song(name=Path(folder).name, stems={path.stem: path for path in files}, merged=corpus.merged)


def load_stems(song: Song, targets: Sequence[str], *, sample_rate: int, n_channels: int = 2) -> npt.NDArray[np.int16]:
    """Return the song's references (target, sample, channel) as 16-bit samples, as long as its longest stem.

    AudioFileError if a stem has another sample rate; a mono stem goes to every channel.
    """
    stems = [[_read(path, sample_rate, n_channels) for path in song.parts(target, targets)] for target in targets]
    n_samples = max((len(part) for parts in stems for part in parts), default=0)
    out = np.zeros((len(targets), n_samples, n_channels), np.int16)
    for row, parts in zip(out, stems, strict=True):
        total = np.zeros((n_samples, n_channels), np.float32)
        for part in parts:
            total[: len(part)] += part
        np.rint(np.clip(total, -1, 1) * FULL_SCALE, out=total)
        row[:] = total
    return out


def _read(path: Path, sample_rate: int, n_channels: int) -> npt.NDArray[np.float32]:
    reader = AudioReader(path)
    if reader.format.sample_rate != sample_rate:
        got = f"{reader.format.sample_rate} Hz"
        raise AudioFileError(str(path), expected=f"{sample_rate} Hz", got=got, remedy="convert the stems first")
    audio = reader.read()
    if audio.shape[1] == n_channels:
        return audio
    return np.repeat(audio.mean(axis=1, keepdims=True, dtype=np.float32), n_channels, axis=1)
