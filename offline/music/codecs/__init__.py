"""Representations of music as numbers; `CODECS` lists them by the survey's names."""

from __future__ import annotations

from offline.music.codecs.abc import AbcTokens
from offline.music.codecs.grid import BarImage, HoldGrid, Roll, VoiceGrid
from offline.music.codecs.reals import MuLaw, NoteTuples, Spectra
from offline.music.codecs.tokens import ChoraleTokens, DrumTokens, MelodyTokens, TuneTuples

__all__ = [
    "CODECS",
    "AbcTokens",
    "BarImage",
    "ChoraleTokens",
    "DrumTokens",
    "HoldGrid",
    "MelodyTokens",
    "MuLaw",
    "NoteTuples",
    "Roll",
    "Spectra",
    "TuneTuples",
    "VoiceGrid",
]

CODECS: dict[str, type] = {
    "voice-grid": VoiceGrid,
    "hold-grid": HoldGrid,
    "roll": Roll,
    "bar-image": BarImage,
    "chorale-tokens": ChoraleTokens,
    "melody-tokens": MelodyTokens,
    "drum-tokens": DrumTokens,
    "tune-tuples": TuneTuples,
    "abc-tokens": AbcTokens,
    "note-tuples": NoteTuples,
    "mu-law": MuLaw,
    "spectra": Spectra,
}
