"""Memory that was taken inside, and only that, is moved to huge pages; what is in it stays."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.inference.huge_pages import HUGE, _new, huge_pages

SWITCH = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [(0, 8)], [(0, 8)]),
        ([(0, 8)], [(0, 8)], []),
        ([(0, 8)], [(0, 12)], [(8, 12)]),
        ([(4, 8)], [(0, 12)], [(0, 4), (8, 12)]),
        ([(0, 8), (20, 24)], [(0, 4), (10, 14), (20, 30)], [(10, 14), (24, 30)]),
    ],
)
def test_only_what_is_new(
    before: list[tuple[int, int]], after: list[tuple[int, int]], expected: list[tuple[int, int]]
) -> None:
    assert _new(before, after) == expected


def huge_kib() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")
def test_new_memory_moves_and_keeps_its_content() -> None:
    if not SWITCH.exists() or "[never]" in SWITCH.read_text():
        pytest.skip("this kernel has no transparent huge pages")
    before = huge_kib()
    with huge_pages():
        memory = mmap.mmap(-1, 8 * HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        values = np.frombuffer(memory, np.uint8)
        values[:] = np.arange(len(values), dtype=np.uint64) % 251
    assert (values == np.arange(len(values), dtype=np.uint64) % 251).all()
    assert huge_kib() - before >= 4 * HUGE // 1024
