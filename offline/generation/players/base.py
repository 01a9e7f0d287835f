"""The base of the players of networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np

from offline.generation.config import GeneratorConfig
from offline.generation.stream import Segment
from offline.generation.weights import SystemFiles
from offline.music.home_key import home_shift

__all__ = ["Player", "drawn_key"]

RANDOM_KEYS = range(-3, 4)  # semitones from home that keep voices within their ranges


def drawn_key(config: GeneratorConfig) -> int:
    """Return the semitones from the home key, -5 to 6: as set, or drawn by the seed."""
    if config.key is None:
        return int(np.random.default_rng((config.seed, 12)).choice(RANDOM_KEYS))
    return config.key - 12 if config.key > 6 else config.key


class Player:
    """A system's networks and a random generator; one voice and no melody unless a subclass says so.

    A network that learnt in the home key, C major and A minor, plays in that of the settings, or of the melody that it
    is given, or in one that the seed draws.

    Networks run in ONNX Runtime on one thread. For one step that is as fast as the same layers in numpy were, from
    0.8 times (a recurrent decoder: 43 instead of 37 us) to 6 times (a convolutional bar: 0.27 instead of 1.6 ms).
    """

    names: tuple[str, ...] = ("Melody",)
    steps, steps_per_quarter, percussion = 1, 4, False
    metre: tuple[int, int] = (4, 4)
    hears = False  # whether what it is given matters to it

    def __init__(self, files: SystemFiles, config: GeneratorConfig) -> None:
        self.files, self.net, self.config = files, files.main, config
        self.rng = np.random.default_rng(config.seed)
        self.home = bool(files.value("home", bool)) if files.has("home") else False
        self.shift = drawn_key(config) if self.home else 0
        self._key_known = config.key is not None
        self.start()

    @classmethod
    def open(cls, source: Path, config: GeneratorConfig) -> Self:
        """Open the player of a network file NAME.onnx."""
        return cls(SystemFiles(source), config)

    def start(self) -> None:
        """Start a piece."""

    def find_key(self, given: np.ndarray) -> None:
        """Take the key of what is given, pitches in any shape, -1 a rest, -2 free, unless the settings have one."""
        if self.home and not self._key_known and (given >= 0).any():
            self.shift, self._key_known = -home_shift(given.ravel()), True

    def next(self, given: np.ndarray) -> Segment:
        """Write the next segment; given: (steps,) pitches of the melody, -1 a rest, -2 free."""
        if self.hears:
            self.find_key(given)
        segment = self.write(np.where(given >= 0, given - self.shift, given))
        if not self.shift:
            return segment
        moved = tuple((step, voice, pitch + self.shift, v) for step, voice, pitch, v in segment.changes)
        return replace(segment, changes=moved)

    def write(self, given: np.ndarray) -> Segment:
        """Write the next segment in the network's own key."""
        raise NotImplementedError
