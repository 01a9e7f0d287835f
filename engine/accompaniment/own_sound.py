"""What a microphone gets of the soloist alone: the accompaniment that comes back from the loudspeakers is taken out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from engine.core.format import AudioFormat
from engine.dsp.echo import EchoCanceller, EchoConfig

__all__ = ["OwnSound"]

EARLY_S = 0.004  # the sound may come back so much before the declared latency is over
ROOM = 256  # samples of input that can be taken at once, at least

Audio = npt.NDArray[np.float32]


class OwnSound:
    """Give the input without what was played, `latency` samples after that.

    Of every stretch of input at most `room` samples are taken at once: what is played meanwhile comes back after them.
    """

    def __init__(self, audio: AudioFormat, config: EchoConfig | None = None) -> None:
        self.audio, self.config = audio, config or EchoConfig()
        self.declare_latency(0)

    def declare_latency(self, n_samples: int) -> None:
        """Take the samples from playing to hearing; a change forgets the room. 0: nothing comes back."""
        early = round(EARLY_S * self.audio.sample_rate)
        block = self.config.block
        while block > ROOM // 2 and n_samples < block + early + ROOM:
            block //= 2
        self._delay = max(n_samples - block - early, 1)
        self._active = n_samples > 0
        self._canceller = EchoCanceller(replace(self.config, block=block))
        self.reset()

    @property
    def room(self) -> int:
        """Return the samples of input that may be taken at once."""
        return self._delay

    def reset(self) -> None:
        """Forget the room and all sound."""
        self._canceller.reset()
        self._played = np.zeros(self._delay, np.float32)
        self._pair = np.zeros((0, 2), np.float32)
        self._heard = np.zeros((0, self.audio.n_channels), np.float32)

    def take(self, block: Audio) -> Audio:
        """Return a block (sample, channel) of input without what was played: the same in every channel."""
        if not self._active:
            return block
        n = len(block)
        if len(self._pair) < n:
            self._pair, self._heard = np.zeros((n, 2), np.float32), np.zeros((n, self.audio.n_channels), np.float32)
        pair, heard = self._pair[:n], self._heard[:n]
        np.mean(block, axis=1, out=pair[:, 0])
        pair[:, 1] = self._played[:n]
        heard[:] = self._canceller.process(pair)
        return heard

    def played(self, sound: Audio) -> None:
        """Take what was played (sample, channel) during the block that `take` took last."""
        if self._active:
            self._played = np.concatenate([self._played[len(sound) :], sound.mean(axis=1)])
