"""Items that are made of nothing but a seed."""

from __future__ import annotations

from offline.batch.files.found import FoundItems
from offline.batch.task import BatchItem

__all__ = ["MUSIC_FORMS", "seed_items", "seed_of"]

MUSIC_FORMS = ("mid", "wav")


def seed_items(stem: str, first: int, n: int) -> FoundItems:
    """Return items of so many seeds, from `first` on, named STEM-00000."""
    return FoundItems([BatchItem(f"{stem}-{seed:05d}") for seed in range(first, first + n)])


def seed_of(item: BatchItem) -> int:
    """Return the seed of an item."""
    return int(item.name.rpartition("-")[2])
