"""Separate harmonic and percussive sound by median filters, and stems by neural networks."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.separation.config import TUNED, HpssConfig, InstantConfig, MaskNetworkConfig, WienerConfig
    from engine.separation.hpss import Hpss, HpssSpectra
    from engine.separation.instant import InstantSeparator
    from engine.separation.mask_network import StreamingSeparator
    from engine.separation.mask_network_segments import SegmentedSeparator, open_separator, stems_chain
    from engine.separation.resampled import ResampledSeparator
    from engine.separation.wiener import Wiener
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "TUNED",
    "Hpss",
    "HpssConfig",
    "HpssSpectra",
    "InstantConfig",
    "InstantSeparator",
    "MaskNetworkConfig",
    "ResampledSeparator",
    "SegmentedSeparator",
    "StreamingSeparator",
    "Wiener",
    "WienerConfig",
    "open_separator",
    "stems_chain",
]
