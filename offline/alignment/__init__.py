"""Alignment of whole files: when each note of a score sounds in a recording."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from offline.alignment.alignment import AlignConfig, Alignment, align, write_alignment
else:
    __getattr__ = lazy(__name__)

__all__ = ["AlignConfig", "Alignment", "align", "write_alignment"]
