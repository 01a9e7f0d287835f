"""How much of the machine a batch takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from engine.core.config import Settings, ranged

__all__ = ["BatchLimits"]

SHARE = 0.8  # of the machine's memory that all workers together may hold


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits(Settings):
    """How many processes work, and what each may take."""

    workers: int = ranged(0, 0, 1024, "processes; 0 for one each core (default 0)")
    memory: float = ranged(0.0, 0, 1e5, "memory that a process may hold; 0 for its share of the machine", unit="GB")
    timeout_factor: float = ranged(50.0, 0, 1e6, "longest time for a recording, in lengths of it; 0 for any")
    timeout: float = ranged(300.0, 0.1, 1e6, "time that any recording has, however short", unit="s")
    nice: int = ranged(10, 0, 19, "how far the processes give way to others")

    @property
    def n_workers(self) -> int:
        """Return the number of processes."""
        return self.workers or _n_cores()

    @property
    def n_bytes(self) -> int:
        """Return how many bytes a process may hold."""
        if self.memory:
            return int(self.memory * 1e9)
        return int(SHARE * _machine_bytes() / self.n_workers)

    def longest_s(self, audio_s: float) -> float:
        """Return how many seconds a recording of a length may take."""
        return max(self.timeout, self.timeout_factor * audio_s) if self.timeout_factor else float("inf")


def _n_cores() -> int:
    """The cores that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _machine_bytes() -> int:
    """The memory of the machine, or of the container that this runs in."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return whole
    return min(whole, int(limit)) if limit.isdecimal() else whole
