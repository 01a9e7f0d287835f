"""Accompaniment: play the other parts as the soloist goes."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.accompaniment.synthesiser import Synthesiser
    from engine.accompaniment.synthesiser_config import SynthesiserConfig
else:
    __getattr__ = lazy(__name__)

__all__ = ["Synthesiser", "SynthesiserConfig"]
