"""What is found of inputs."""

from __future__ import annotations

from dataclasses import dataclass, field

from offline.batch.task import BatchItem

__all__ = ["FoundItems"]


@dataclass(slots=True)
class FoundItems:
    """What was found.

    items: in the order in which they were named; in folders by their names
    again: what was named more than once
    omissions: what is to say of files in folders that were left out; empty if there are none
    empty: what is to say of folders without recordings
    """

    items: list[BatchItem] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    omissions: str = ""
    empty: list[str] = field(default_factory=list)
