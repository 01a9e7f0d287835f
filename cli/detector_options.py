"""Options of the commands that detect sounds in files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cli.common import DETECT, option
from cli.terminal.completion import sound_detector_names
from engine.core.config import Settings, choice, plain, ranged

__all__ = ["DetectorOptions", "detector_model", "threshold_option"]


def detector_model(which: str) -> Any:
    """Declare the option for the network, which names the one that is taken by default."""
    return option(
        plain(None, f"the network: {which} or a file"),
        metavar="NAME|FILE.onnx",
        group=DETECT,
        names=sound_detector_names,
    )


def threshold_option() -> Any:
    """Declare the option for the probability at which a sound counts."""
    return option(
        ranged(None, 0, 1, "probability at or above which a sound counts (default: tuned for each sound)"),
        metavar="P",
        group=DETECT,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorOptions(Settings):
    """Options of every command that detects sounds in files."""

    model: str | None = detector_model("crnn-files (default), crnn")
    threshold: float | None = threshold_option()
    median: str | None = option(
        choice(None, ("centred", "causal"), "alignment of the median filter (default as tuned)"), group=DETECT
    )
    embedding: tuple[str, ...] = option(
        plain((), "embedding network that is a further input, with its card FILE.toml beside it"),
        metavar="NAME=FILE",
        group=DETECT,
    )
