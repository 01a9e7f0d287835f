"""What an accompaniment makes up for on a stage: latency, and its own sound in the microphone."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.config import Settings, choice, ranged

__all__ = ["CANCEL", "StageConfig"]

CANCEL = ("auto", "on", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageConfig(Settings):
    """What lies between the accompaniment and its listeners."""

    latency_s: float = ranged(
        0.0,
        0,
        2,
        "latency to make up for beside that of the devices, as of the instrument behind a MIDI port; over a file, a "
        "device of this latency is imitated",
        unit="s",
    )
    cancel: str = choice(
        "auto",
        CANCEL,
        "take the accompaniment's own sound out of what the microphone picks up; auto does where the input is a "
        "microphone and the output a device",
    )
