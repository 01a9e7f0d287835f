"""Separate a recording by a network and write it again with the percussion 6 dB lower."""

from __future__ import annotations

import sys

import numpy as np
import soundfile

from engine.audio import AudioReader
from engine.pipeline import Pipeline, PipelineConfig
from offline.run import run
from offline.separation.presets import unmix_config

performance, output = [*sys.argv[1:], "demo/performance.wav", "demo/remix.wav"][:2]
GAINS_DB = {"drums": -6.0}


class Stems:
    """The stems of a pipeline as a processor, which `run` lines up with the input."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline, self.latency = pipeline, pipeline.latency

    def process(self, block: np.ndarray) -> np.ndarray:
        return self.pipeline.process(block).stems

    def reset(self) -> None:
        self.pipeline.reset()


with AudioReader(performance) as reader:
    pipeline = Pipeline(reader.format, PipelineConfig(separate=unmix_config("unmix")))
    stems = run(Stems(pipeline), reader.read())  # (sample, target, channel)

gains = np.array([10 ** (GAINS_DB.get(name, 0.0) / 20) for name in pipeline.targets], np.float32)
soundfile.write(output, np.tensordot(stems, gains, (1, 0)), reader.format.sample_rate, subtype="FLOAT")
print(f"{', '.join(pipeline.targets)}: mixed into {output}")
