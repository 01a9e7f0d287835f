"""One figure: what was measured, ours beside the peer's in the same run, and whether both say the same."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the page of results, ready to print; an empty peer or ratio where there is none."""

    what: str
    ours: str
    peer: str
    ratio: str
    agreement: str
