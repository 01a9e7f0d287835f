"""Weights in huge pages: a network that is read whole for every frame is slowed by address translation, not by memory.

A live network's weights, 10 MB and more, lie in thousands of pages of 4 KiB, more than a processor's translation cache
holds, and every frame walks through them all. Linux can put them into pages of 2 MiB, if it is asked to.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["huge_pages"]

HUGE = 1 << 21
ADVISE, COLLAPSE = 14, 25  # MADV_HUGEPAGE: from now on; MADV_COLLAPSE (Linux 6.1): what is there already, at once

Spans = list[tuple[int, int]]


@contextmanager
def huge_pages() -> Iterator[None]:
    """Move the memory that is taken inside, and kept, into huge pages; does nothing where that cannot be."""
    before = _spans()
    yield
    for start, end in _new(before, _spans()):
        _advise(-(-start // HUGE) * HUGE, end // HUGE * HUGE)


def _spans() -> Spans:
    """Where this process has private anonymous memory, in order; none where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return []
    spans = []
    try:
        with open("/proc/self/maps", encoding="ascii", errors="replace") as lines:
            for line in lines:
                place, rights, *_, inode = line.split(maxsplit=5)[:5]
                if rights == "rw-p" and inode == "0":
                    start, end = place.split("-")
                    spans.append((int(start, 16), int(end, 16)))
    except (OSError, ValueError):
        return []
    return spans


def _new(before: Spans, after: Spans) -> Spans:
    """What of `after` is not in `before`."""
    out = []
    for start, end in after:
        free = start  # from here on nothing is known to be old
        for old_start, old_end in before:
            if old_start < end and free < old_end:
                if free < old_start:
                    out.append((free, old_start))
                free = max(free, old_end)
        if free < end:
            out.append((free, end))
    return out


def _advise(start: int, end: int) -> None:
    """Ask for it; a refusal changes nothing."""
    if end - start < HUGE:
        return
    library = ctypes.CDLL(None, use_errno=True)
    for advice in (ADVISE, COLLAPSE):
        library.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), advice)
