"""One player a system: what plays from shipped weights, in numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from offline.generation.players import blocks, others, rolls, sound, tokens

__all__ = ["PLAYERS", "SOUNDS"]

PLAYERS: dict[str, Callable[..., Any]] = {
    "BachBot": tokens.BachBot,
    "Blues_C": rolls.Blues,
    "Blues_MC": rolls.Blues,
    "Celtic": tokens.Celtic,
    "CONCERT": tokens.Concert,
    "C-RBM": rolls.TemplateRbm,
    "C-RNN-GAN": others.CRnnGan,
    "DeepBach": blocks.DeepBach,
    "DeepHear_M": blocks.DeepHear,
    "DeepHear_C": blocks.DeepHearMelody,
    "Hexahedria": rolls.Hexahedria,
    "MidiNet": others.MidiNet,
    "MiniBach": blocks.MiniBach,
    "Rhythm": tokens.Rhythm,
    "RNN-RBM": rolls.RnnRbm,
    "RL-Tuner": tokens.RlTuner,
    "UnitSelection": others.UnitSelection,
    "VRAE": blocks.Vrae,
    "VRASH": blocks.Vrash,
}
SOUNDS: dict[str, Callable[..., Any]] = {"deepAC": sound.DeepAc, "WaveNet": sound.WaveNet}
