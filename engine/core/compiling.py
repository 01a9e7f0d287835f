"""Notice that numba compiles kernels in this process, which it does once for a processor and a version."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core import event

__all__ = ["compiling_told", "numba_compiling"]

AFTER_S = 1.0  # of compiling, then it is told: a single kernel is not worth a word


class _Compilations(event.Listener):  # type: ignore[misc]
    def __init__(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        self._begin, self._end = begin, end

    def on_start(self, event: event.Event) -> None:
        self._begin()

    def on_end(self, event: event.Event) -> None:
        self._end()


@contextmanager
def numba_compiling(begin: Callable[[], None], end: Callable[[], None]) -> Iterator[None]:
    """Have functions called whenever a compilation begins and ends in here; some lie within others."""
    with event.install_listener("numba:compile", _Compilations(begin, end)):
        yield


@contextmanager
def compiling_told(tell: Callable[[], None]) -> Iterator[None]:
    """Have a function called once if more than a second of compilations passes in here; kept kernels are not."""
    first_s: list[float] = []
    told: list[bool] = []

    def look() -> None:
        now_s = time.monotonic()
        first_s.append(now_s)
        if not told and now_s - first_s[0] > AFTER_S:
            told.append(True)
            tell()

    with numba_compiling(look, look):
        yield
