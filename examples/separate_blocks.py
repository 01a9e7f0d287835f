"""Run a processor block by block, as a callback would, and trim its latency by hand."""

from __future__ import annotations

import sys

import numpy as np

from engine.audio import AudioReader
from engine.separation import Hpss, HpssConfig

(performance,) = [*sys.argv[1:], "demo/performance.wav"][:1]

with AudioReader(performance) as reader:
    hpss = Hpss(reader.format, HpssConfig(look_ahead=0))
    audio = reader.read()

blocks = [audio[start : start + 512] for start in range(0, len(audio), 512)]
silence = np.zeros((hpss.latency + 8192, audio.shape[1]), np.float32)  # lets the last samples out
stems = np.concatenate([hpss.process(block).copy() for block in [*blocks, silence]])
stems = stems[hpss.latency : hpss.latency + len(audio)]  # (sample, target, channel), lined up with the input

error = np.abs(stems.sum(axis=1) - audio).max()
latency_ms = 1000 * hpss.latency / reader.format.sample_rate
print(f"latency {latency_ms:.0f} ms; the stems sum to the input within {error:.1e}")
for name, stem in zip(("harmonic", "percussive"), stems.transpose(1, 0, 2), strict=True):
    print(f"{name}: {20 * np.log10(np.sqrt(np.mean(stem**2))):.1f} dB")
