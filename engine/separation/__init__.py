"""Separation: harmonic and percussive sound by medians, stems by networks."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.separation.hpss import TUNED, Hpss, HpssConfig, HpssSpectra
    from engine.separation.mask_network import Unmix, UnmixConfig
    from engine.separation.mask_network_segments import UnmixSegments, open_bank
    from engine.separation.resampled import AtRate
    from engine.separation.wiener import Wiener, WienerConfig
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "TUNED",
    "AtRate",
    "Hpss",
    "HpssConfig",
    "HpssSpectra",
    "Unmix",
    "UnmixConfig",
    "UnmixSegments",
    "Wiener",
    "WienerConfig",
    "open_bank",
]
