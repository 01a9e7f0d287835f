"""The sound event networks that ship, and settings for live use and for files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import models
from engine.core.errors import ConfigError, ModelError
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig
from engine.detection.detector import detection_latency
from engine.detection.embedding import EmbeddingConfig, read_embedding
from engine.detection.frame_clock import SOUND_RATE, STEP
from engine.detection.sound_files import WINDOW_NETWORK, sound_network_file

__all__ = [
    "DETECTORS",
    "SHIPPED",
    "SHIPPED_FOR_FILES",
    "describe_latency",
    "detect_config",
    "file_config",
    "parse_embeddings",
    "sound_model",
]

WINDOW_S = 10.0  # what the networks are trained on
WINDOW_BLOCK = 8  # steps between two runs over a window
WINDOW_AHEAD = 8  # steps of a window after those that are reported
ARRAYS = ("mel", "steps")  # of a set of scenes, besides its embeddings
WEIGHTS = Path(models.__file__).with_name("weights")
SHIPPED, SHIPPED_FOR_FILES = WEIGHTS / "crnn.onnx", WEIGHTS / "crnn-files.onnx"  # causal; bidirectional
DETECTORS = {"crnn": SHIPPED, "crnn-files": SHIPPED_FOR_FILES}  # by name, for options


def sound_model(name: Path | str | None, shipped: Path = SHIPPED) -> Path:
    """Return the file of a name of DETECTORS, of a path, or the shipped one for None; ModelError if it is not there."""
    model = shipped if name is None else DETECTORS.get(str(name), Path(name))
    if not model.is_file():
        remedy = "name another FILE.onnx; collaparte finetune detection makes one of your own sounds"
        raise ModelError(str(model), expected="the network", got="nothing there", remedy=remedy)
    return model


def detect_config(model: Path | str | None, *, window_s: float | None = None, **settings: Any) -> SoundConfig:
    """Return the settings for live use of a network; None is the one that ships.

    A bidirectional network runs over the last `window_s` seconds every half second, in a thread of its own.
    """
    path = sound_model(model)
    file = sound_network_file(path)
    if file.kind == WINDOW_NETWORK or file.value("causal", bool):
        if window_s is not None:
            raise ConfigError("--window", expected="a bidirectional network", got=f"{path.name}, which is none")
        return SoundConfig(model=path, **settings)
    window = round((WINDOW_S if window_s is None else window_s) * SOUND_RATE / STEP)
    return SoundConfig(
        model=path, block=WINDOW_BLOCK, window=window, ahead=WINDOW_AHEAD, background_blocks=1, **settings
    )


def file_config(model: Path | str | None = None, **settings: Any) -> SoundConfig:
    """Return the settings for whole files, of a name of DETECTORS or a path; None is the network that ships."""
    return SoundConfig(model=sound_model(model, SHIPPED_FOR_FILES), **settings)


def describe_latency(config: SoundConfig, audio: AudioFormat) -> str:
    """Say in one line how late events are at most; ModelError if the file does not fit."""
    latency_ms = 1000 * detection_latency(config, audio) / audio.sample_rate
    return f"sounds are reported at most {latency_ms:.0f} ms after they begin or end"


def parse_embeddings(texts: Sequence[str]) -> dict[str, EmbeddingConfig]:
    """Read embeddings by name from texts NAME=FILE.onnx, each with its FILE.toml beside it."""
    found = {}
    for text in texts:
        name, equals, file = text.partition("=")
        if not (name.isidentifier() and equals and file) or name in ARRAYS:
            remedy = f"for example yamnet=yamnet.onnx; the name a plain word, not {' or '.join(ARRAYS)}"
            raise ConfigError("--embedding", expected="NAME=FILE", got=text, remedy=remedy)
        found[name] = read_embedding(Path(file))
    return found
