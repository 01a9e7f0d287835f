"""Separation of whole files and its presets."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from offline.separation.backfitting import separate_whole
    from offline.separation.presets import SEPARATORS, live_rate, unmix_config
else:
    __getattr__ = lazy(__name__)

__all__ = ["SEPARATORS", "live_rate", "separate_whole", "unmix_config"]
