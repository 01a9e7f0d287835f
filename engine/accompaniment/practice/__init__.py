"""Practising with the accompaniment: a metronome that goes along."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.accompaniment.practice.metronome import METRONOME, Metronome
else:
    __getattr__ = lazy(__name__)

__all__ = ["METRONOME", "Metronome"]
