"""Play the sound files of cues as samples pass, each from its sample on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.accompaniment.backing.recording import BackingRecording, load_backing
from engine.core.errors import AudioFileError, ConfigError
from engine.core.format import AudioFormat
from engine.stage.cues.actions import CueSound

__all__ = ["CuePlayer"]

MOST_AT_ONCE = 32  # what comes then ends the one that began first


class _Sounding(NamedTuple):
    recording: BackingRecording
    gain: np.float32
    start: int


class CuePlayer:
    """Give the sum of what sounds, block by block; files are read when it is made.

    sounds: of each cue, by its name
    """

    def __init__(self, audio: AudioFormat, sounds: Mapping[str, Sequence[CueSound]]) -> None:
        self._n_channels = audio.n_channels
        files = {sound.path: _loaded(sound.path, audio) for each in sounds.values() for sound in each}
        self._sounds = {
            name: [(files[sound.path], np.float32(10 ** (sound.gain_db / 20))) for sound in each]
            for name, each in sounds.items()
        }
        self.reset()

    def reset(self) -> None:
        """Reset to the initial state."""
        self._now = 0
        self._sounding: list[_Sounding] = []

    def start(self, name: str, at: int) -> None:
        """Play what a cue has from sample `at` on, which has not been rendered yet."""
        self._sounding += [_Sounding(recording, gain, at) for recording, gain in self._sounds.get(name, ())]
        del self._sounding[:-MOST_AT_ONCE]

    def render(self, n_samples: int) -> npt.NDArray[np.float32]:
        """Return the next samples (sample, channel)."""
        out = np.zeros((n_samples, self._n_channels), np.float32)
        part = np.empty_like(out)
        for each in self._sounding:
            each.recording.read(self._now - each.start, part)
            out += each.gain * part
        self._now += n_samples
        self._sounding = [each for each in self._sounding if self._now - each.start < len(each.recording)]
        return out


def _loaded(path: Path, audio: AudioFormat) -> BackingRecording:
    try:
        return load_backing(path, audio)
    except AudioFileError as error:
        raise ConfigError(f"cue, {path}", expected=error.expected, got=error.got, remedy=error.remedy) from error
