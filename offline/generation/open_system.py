"""What plays without torch, by name, for files and live: the shipped systems, a frame network's file, and Markov."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from engine.core.errors import ConfigError
from offline.generation.config import WriterConfig
from offline.generation.frame_writer import FrameWriter
from offline.generation.markov import AGE_CAP, Markov, fit_chorales, voice_contexts
from offline.generation.players import PLAYERS, SOUNDS
from offline.generation.stream import Frames, Source
from offline.generation.systems import SYSTEMS
from offline.generation.weights import StoredWeights, find_weights
from offline.music.codecs import VoiceGrid
from offline.music.roll_sets import load_chorales
from offline.music.sampling import draw, forbid_parallels, soften

__all__ = ["MarkovWriter", "open_sound", "open_source"]

SHARED = {"DeepHear_C": "DeepHear_M"}  # whose weights serve another system


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


def open_source(model: str, config: WriterConfig, data: Path | None = None) -> Source:
    """What writes under the name of a system, or a frame network's file NAME.onnx.

    data: a folder with Jsb16thSeparated.json, which Markov counts.
    """
    if model.endswith(".onnx"):
        return Frames(FrameWriter(Path(model), config))
    name = _system(model)
    if name == "Markov":
        return Frames(_markov(config, data))
    if name in SOUNDS:
        raise ConfigError("--model", expected="a system that writes notes", got=name, remedy="-o FILE.wav")
    path = _shipped(name)
    if name == "Frames":
        return Frames(FrameWriter(path, config))
    source: Source = PLAYERS[name](StoredWeights(path), config)
    return source


def open_sound(model: str, config: WriterConfig) -> Any | None:
    """The player of a system that writes sound itself; None where the system writes notes."""
    name = next((known for known in SOUNDS if known.lower() == model.lower()), None)
    return None if name is None else SOUNDS[name](StoredWeights(_shipped(name)), config)


def _system(model: str) -> str:
    """The system that is meant, whatever the case of its letters."""
    found = next((name for name in SYSTEMS if name.lower() == model.lower()), None)
    if found is None:
        raise ConfigError("--model", expected="one of " + ", ".join(SYSTEMS) + " or NAME.onnx", got=repr(model))
    return found


def _shipped(name: str) -> Path:
    path = find_weights(SHARED.get(name, name))
    if path is None:
        remedy = f"collaparte train generator --system {name} --data DIR --out RUNS/{name}; then ship_generator"
        raise ConfigError("--model", expected="weights that ship", got=f"none for {name}", remedy=remedy)
    return path


def _markov(config: WriterConfig, data: Path | None) -> MarkovWriter:
    if data is None:
        raise ConfigError("--data", expected="a folder with Jsb16thSeparated.json to count", got="nothing")
    codec = VoiceGrid()
    return MarkovWriter(fit_chorales(load_chorales(data / "Jsb16thSeparated.json")["train"], codec), codec, config)
