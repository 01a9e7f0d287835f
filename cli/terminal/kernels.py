"""The wait for kernels: numba compiles them for this processor once, and keeps them.

`announced_compiling` says so while this process compiles; `compile_aside` compiles in processes side by side.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from engine.core.kernel_cache import COMPILING

__all__ = ["announced_compiling", "compile_aside"]

AFTER_S = 1.0  # of compiling, then it is announced
REDRAW_S = 0.25
PAUSE_S = 1.0  # without a compilation, then it is over
SPINNER = "|/-\\"


class Compiling:
    """Counts the kernels that numba compiles, by its own events, and shows that while it lasts.

    n: kernels compiled so far
    """

    def __init__(self, out: TextIO) -> None:
        self.out, self.n = out, 0
        self._depth = 0  # compilations that lie within each other
        self._changed_s = time.monotonic()  # when compiling last began or ended
        self._announced = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True, name="shows compiling")

    def begin(self) -> None:
        """A compilation begins."""
        if self._depth == 0 and time.monotonic() - self._changed_s > PAUSE_S:
            self._changed_s = time.monotonic()
        self._depth += 1
        if self._thread.ident is None:
            self._thread.start()

    def end(self) -> None:
        """A compilation ends."""
        self._depth -= 1
        self.n += 1

    def finish(self) -> None:
        """Stop showing."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _show(self) -> None:
        turn, idle_s = 0, 0.0
        while not self._over.wait(REDRAW_S):
            idle_s = 0.0 if self._depth else idle_s + REDRAW_S
            elapsed_s = time.monotonic() - self._changed_s
            if self._depth and elapsed_s > AFTER_S:
                self._draw(SPINNER[turn % len(SPINNER)], elapsed_s)
                turn += 1
            elif self._announced and idle_s > PAUSE_S:
                self._close()
        self._close()

    def _draw(self, mark: str, elapsed_s: float) -> None:
        if not self._announced:
            self._announced = True
            self.out.write(f"{COMPILING}\n")
        if self.out.isatty():
            self.out.write(f"\r{mark} {self.n} kernels, {elapsed_s:.0f} s ")
        self.out.flush()

    def _close(self) -> None:
        if self._announced:
            self._announced = False
            self.out.write(("\r" if self.out.isatty() else "") + f"{self.n} kernels compiled and kept\n")
            self.out.flush()


@contextmanager
def announced_compiling(out: TextIO | None = None) -> Iterator[None]:
    """Say so, with a count that moves, while kernels are compiled in here for more than a second."""
    from engine.core.compiling import numba_compiling

    shown = Compiling(sys.stderr if out is None else out)
    with numba_compiling(shown.begin, shown.end):
        try:
            yield
        finally:
            shown.finish()


def compile_aside(codes: Sequence[str], stop: threading.Event, out: TextIO | None = None) -> bool:
    """Run each code in a Python process of its own, all at once, if no kernel is kept yet; show how far they are.

    Returns whether there was anything to do. A process that fails leaves its kernels to be compiled later.
    """
    folder = Path(os.environ.get("NUMBA_CACHE_DIR", ""))
    if not folder.is_dir() or _n_kept(folder):
        return False
    shown = Compiling(sys.stderr if out is None else out)
    command = [sys.executable, "-c"]
    start = f"import sys; sys.path[:] = {sys.path!r}; "
    children = [subprocess.Popen([*command, start + code], stderr=subprocess.DEVNULL) for code in codes]
    shown.begin()
    while any(child.poll() is None for child in children) and not stop.wait(REDRAW_S):
        shown.n = _n_kept(folder)
    for child in children:
        child.terminate()
        child.wait()
    shown.n = _n_kept(folder)
    shown.finish()
    return True


def _n_kept(folder: Path) -> int:
    """Kernels in numba's cache: an index file each."""
    return sum(1 for _ in folder.rglob("*.nbi"))
