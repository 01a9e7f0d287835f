"""Systems that write music: their record, their players, and their weights."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from offline.generation.config import GeneratorConfig
    from offline.generation.open_system import open_generator, open_sound
    from offline.generation.stream import Generator, Segment, collect
    from offline.generation.systems import SYSTEMS, System, find_system
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "SYSTEMS",
    "Generator",
    "GeneratorConfig",
    "Segment",
    "System",
    "collect",
    "find_system",
    "open_generator",
    "open_sound",
]
