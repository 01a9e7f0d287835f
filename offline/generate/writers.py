"""What plays without torch: the frame network and Markov, by name, for files and live."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.errors import ConfigError
from offline.data.symbolic import load_chorales
from offline.generate.codecs import VoiceGrid
from offline.generate.frame_writer import FrameWriter, WriterConfig
from offline.generate.live import FrameSource
from offline.generate.markov import AGE_CAP, Markov, fit_chorales, voice_contexts
from offline.generate.sampling import draw, forbid_parallels, soften

__all__ = ["MarkovWriter", "open_writer"]


class MarkovWriter:
    """The floor, played frame by frame with the same care as the networks."""

    def __init__(self, model: Markov, codec: VoiceGrid, config: WriterConfig) -> None:
        self.model, self.codec, self.config = model, codec, config
        self.n_voices = codec.n_voices
        self.reset()

    def reset(self) -> None:
        """Begin anew: same seed, same music."""
        self.rng = np.random.default_rng(self.config.seed)
        self.step_number = 0
        self.last = np.zeros((1, self.n_voices), np.int64)
        self.age = np.zeros((1, self.n_voices), np.int64)

    def step(self, given: np.ndarray | None = None) -> np.ndarray:
        """The next frame; given: (voice,) pitches that are fixed, -1 a rest, -2 where the model chooses."""
        chosen = np.zeros((1, self.n_voices), np.int64)
        beat = np.array([self.step_number % 4])
        for v in range(self.n_voices):
            if given is not None and given[v] != -2:
                chosen[0, v] = self.codec.tokens(given[v : v + 1])[0]
                continue
            context = voice_contexts(v, self.last, chosen, self.age[:, v], beat)[0]
            p = soften(self.model.distribution(context), self.config.temperature, keep=int(self.last[0, v]))
            if self.config.rules:
                p = forbid_parallels(p, v, self.last[0], chosen[0])
            chosen[0, v] = draw(p, self.rng)
        self.age = np.where(chosen == self.last, np.minimum(self.age + 1, AGE_CAP), 0)
        self.last, self.step_number = chosen, self.step_number + 1
        return self.codec.pitches(chosen[0])


def open_writer(model: str, config: WriterConfig, data: Path | None = None) -> FrameSource:
    """A source of frames; model: a file NAME.onnx, or Markov, which counts the chorales in the folder `data`."""
    if model.lower() == "markov":
        if data is None:
            raise ConfigError("--data", expected="a folder with Jsb16thSeparated.json to count", got="nothing")
        codec = VoiceGrid()
        return MarkovWriter(fit_chorales(load_chorales(data / "Jsb16thSeparated.json")["train"], codec), codec, config)
    if not model.endswith(".onnx"):
        raise ConfigError("--model", expected="Markov or a file NAME.onnx", got=repr(model))
    return FrameWriter(Path(model), config)
