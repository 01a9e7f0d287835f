"""Open a system by name, or a network file: what writes notes or sound, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.core.errors import ConfigError
from offline.generation.cards import find_weights
from offline.generation.config import GeneratorConfig
from offline.generation.stream import Generator
from offline.generation.systems import System, find_system
from offline.generation.weights import SystemFiles

__all__ = ["open_generator", "open_sound", "system_of"]

FILE, TABLE = ".onnx", ".npz"
COUNTED = "Markov"  # the system whose file is a table of counts


def system_of(model: str) -> System:
    """Return the system that a name, a file NAME.onnx or a table NAME.npz means."""
    if model.endswith(TABLE):
        return find_system(COUNTED)
    return find_system(SystemFiles(Path(model)).value("system", str) if model.endswith(FILE) else model)


def open_generator(model: str, config: GeneratorConfig, data: Path | None = None) -> Generator:
    """Open what writes notes under a system's name or from a file NAME.onnx.

    data: folder of the corpus that an untrained system counts
    """
    system = system_of(model)
    if system.sound:
        raise ConfigError("--model", expected="a system that writes notes", got=system.name, remedy="-o FILE.wav")
    generator: Generator = _open(system, model, config, data)
    return generator


def open_sound(model: str, config: GeneratorConfig) -> Any | None:
    """Open a system that writes sound; None where it writes notes."""
    system = system_of(model)
    return _open(system, model, config, None) if system.sound else None


def _open(system: System, model: str, config: GeneratorConfig, data: Path | None) -> Any:
    if model.endswith((FILE, TABLE)):
        source = Path(model)
    elif data is not None and not system.training:
        source = data
    else:
        source = _shipped(system)
    return system.player_class().open(source, config)


def _shipped(system: System) -> Path:
    path = find_weights(system.weights)
    if path is None:
        train = f"collaparte train generation --system {system.weights} --data DIR -o RUN"
        remedy = f"{train}; then collaparte export generation"
        raise ConfigError("--model", expected="shipped weights", got=f"none for {system.name}", remedy=remedy)
    return path
