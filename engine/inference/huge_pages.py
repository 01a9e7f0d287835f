"""Put network weights in huge pages, because address translation slows a network that is read whole for every frame.

A live network's weights, 10 MB and more, lie in thousands of pages of 4 KiB, more than a processor's translation
cache (TLB) holds, and every frame reads them all. Linux can put them into pages of 2 MiB on request.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["huge_pages"]

HUGE = 1 << 21
ADVISE, COLLAPSE = 14, 25  # MADV_HUGEPAGE: from now on; MADV_COLLAPSE (Linux 6.1): existing pages, immediately

Spans = list[tuple[int, int]]


@contextmanager
def huge_pages() -> Iterator[None]:
    """Move memory allocated inside the context, and kept, into huge pages; no effect where that is not supported."""
    before = _spans()
    yield
    for start, end in _new(before, _spans()):
        _advise(-(-start // HUGE) * HUGE, end // HUGE * HUGE)


def _spans() -> Spans:
    """Return this process's private anonymous memory ranges, in order; none where the system does not report them."""
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
    """Return the parts of `after` that are not in `before`."""
    out = []
    for start, end in after:
        free = start  # from here on nothing is known to be in `before`
        for old_start, old_end in before:
            if old_start < end and free < old_end:
                if free < old_start:
                    out.append((free, old_start))
                free = max(free, old_end)
        if free < end:
            out.append((free, end))
    return out


def _advise(start: int, end: int) -> None:
    """Request huge pages for a range; a refusal is ignored."""
    if end - start < HUGE:
        return
    library = ctypes.CDLL(None, use_errno=True)
    for advice in (ADVISE, COLLAPSE):
        library.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), advice)
