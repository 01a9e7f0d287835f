"""The sound event network that ships, and the settings that options ask for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import models
from engine.errors import ConfigError, ModelError
from engine.inference.embedding import EmbeddingConfig, read_embedding

__all__ = ["SHIPPED", "parse_embeddings", "sound_model"]

SHIPPED = Path(models.__file__).with_name("weights") / "crnn.onnx"


def sound_model(path: Path | None) -> Path:
    """The network's file: the one that ships, if None; ModelError if it is not there."""
    model = SHIPPED if path is None else path
    if not model.is_file():
        remedy = "name one with --model FILE.onnx; collaparte train crnn makes one of your own sounds"
        raise ModelError(str(model), expected="the network", got="nothing there", remedy=remedy)
    return model


def parse_embeddings(texts: Sequence[str]) -> dict[str, EmbeddingConfig]:
    """`NAME=FILE.onnx`, each with a FILE.toml beside it, by name."""
    found = {}
    for text in texts:
        name, equals, file = text.partition("=")
        if not (name and equals and file):
            remedy = "for example yamnet=yamnet.onnx"
            raise ConfigError("--embedding", expected="NAME=FILE", got=text, remedy=remedy)
        found[name] = read_embedding(Path(file))
    return found
