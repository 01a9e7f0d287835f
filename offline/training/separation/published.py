"""Settings of trainings as published; light to import, since `--help` reads them.

Sawata et al. (2021), section 3.1: the manner of Open-Unmix (Stoeter et al. 2019: excerpts of 6 s, batches of 16, every
stem from another song at a gain of 0.25 to 1.25, its channels swapped at random, networks of 512 units that look both
ways), one Adam for all targets at 0.001, and neither early stopping nor drops of the learning rate. What the paper does
not name is not done: no norm of the gradient is too large, no weight is penalised, no average of weights is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["PRESET_NAMES", "SEPARATION_PRESETS"]

OPEN_UNMIX: dict[str, Any] = {
    **{"architecture": "umx", "hidden": 512, "layers": 3, "bidirectional": True, "size": "standard"},
    **{"coherent": 0.0, "speed": 0.0, "tilt": 0.0, "drop": 0.0, "active": 0.0},
    **{"gain_low": 0.25, "gain_high": 1.25, "batch": 16, "segment_s": 6.0, "mixed": False},
    **{"learning_rate": 1e-3, "warmup": 1, "decay": 0.0, "weight_decay": 0.0, "clip": 0.0, "average": 0.0},
}
SEPARATION_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "umx": {**OPEN_UNMIX, "multi_domain": False, "combine": False},
    "x-umx": {**OPEN_UNMIX, "architecture": "xumx", "multi_domain": True, "combine": True},
}
PRESET_NAMES = tuple(SEPARATION_PRESETS)
