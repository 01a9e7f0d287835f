"""A processor of your own: the level of every 100 ms, in any cut of the input the same."""

from __future__ import annotations

import sys

import numpy as np

from engine.audio import AudioReader
from engine.core.format import AudioFormat


class LevelMeter:
    """Audio (sample, channel) in, levels (frame, channel) in dB out, one every 100 ms."""

    def __init__(self, audio: AudioFormat) -> None:
        self.hop, self.n_channels = audio.samples(0.1), audio.n_channels
        self.latency = self.hop  # a frame speaks of the samples before it
        self.reset()

    def reset(self) -> None:
        self._rest = np.zeros((0, self.n_channels), np.float32)

    def process(self, block: np.ndarray) -> np.ndarray:
        audio = np.concatenate([self._rest, block])
        n = len(audio) // self.hop
        frames = audio[: n * self.hop].reshape(n, self.hop, self.n_channels)
        self._rest = audio[n * self.hop :].copy()
        return 10 * np.log10(np.mean(frames.astype(np.float64) ** 2, axis=1) + 1e-12)


(performance,) = [*sys.argv[1:], "demo/performance.wav"][:1]
with AudioReader(performance) as reader:
    meter, audio = LevelMeter(reader.format), reader.read()
at_once = meter.process(audio)
meter.reset()
in_blocks = np.concatenate([meter.process(audio[i : i + 441]) for i in range(0, len(audio), 441)])
assert np.array_equal(at_once, in_blocks)  # the law of partition
for second, level in enumerate(at_once[:50:10].mean(axis=1)):
    print(f"{second:3d} s {level:6.1f} dB " + "#" * max(0, int(level + 60)))
