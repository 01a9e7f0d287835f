"""How commands end: by themselves, by a mistake, or because they are asked to, and then within a second.

The first ctrl-C, or SIGTERM, asks a command to stop: `stoppable` gives it an event to look at, anything else gets a
KeyboardInterrupt. One that is still at work after PATIENCE_S is interrupted, also within `stoppable`. One that even
then goes on, within compiled code that nothing interrupts, ends as it stands: what is finished is on the disk, what is
not is deleted.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from engine.core.whole_file import discard_unfinished

__all__ = ["BROKEN_PIPE", "INTERRUPTED", "USER_ERROR", "ends_in_time", "stoppable", "unhurried"]

USER_ERROR, INTERRUPTED, BROKEN_PIPE = 2, 130, 141  # exit statuses
SIGNALS = (signal.SIGINT, signal.SIGTERM)
PATIENCE_S, LAST_S = 0.5, 0.2  # after the first ctrl-C until it is interrupted, and until it ends as it stands


@contextmanager
def stoppable(patience_s: float = PATIENCE_S) -> Iterator[threading.Event]:
    """An event that the first ctrl-C or SIGTERM sets, so that files are closed whole; the second ends at once.

    patience_s: from the first until it is taken for not heard
    """
    stop = threading.Event()

    def ask(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = [(watch, watch.patience_s) for watch in _watches]
    for watch in _watches:
        watch.patience_s = patience_s
    try:
        with _handled(ask):
            yield stop
    finally:
        for watch, usual_s in before:
            watch.patience_s = usual_s


@contextmanager
def _handled(handler: Any) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


class Watch:
    """Sees signals that arrive while the main thread is within compiled code, and counts the time from then on."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._over = threading.Event()
        self.hurried = True
        self.patience_s = PATIENCE_S
        self._thread = threading.Thread(target=self._run, daemon=True, name="watches signals")

    def start(self) -> None:
        """Begin to watch."""
        self._before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._thread.start()

    def finish(self) -> None:
        """The command has ended."""
        self._over.set()
        signal.set_wakeup_fd(self._before)
        os.write(self._write, b"\0")  # wakes the thread; a process that was forked meanwhile may hold the pipe open
        self._thread.join()
        os.close(self._write)
        os.close(self._read)

    def _run(self) -> None:
        while (content := os.read(self._read, 1)) and not self._over.is_set():
            if content[0] in SIGNALS and self.hurried and not self._over.is_set():
                self._count_down()

    def _count_down(self) -> None:
        if self._over.wait(self.patience_s) or not self.hurried:
            return
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # wakes it, too, where it waits
        if not self._over.wait(LAST_S) and self.hurried:
            for child in multiprocessing.active_children():
                child.kill()
            discard_unfinished()
            os._exit(INTERRUPTED)


_watches: list[Watch] = []


@contextmanager
def ends_in_time() -> Iterator[None]:
    """Within this, ctrl-C or SIGTERM ends the command within a second, whatever it does."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        yield
        return
    watch = Watch()
    with _handled(_interrupt):
        watch.start()
        _watches.append(watch)
        try:
            yield
        finally:
            with suppress(ValueError):
                _watches.remove(watch)
            watch.finish()


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


@contextmanager
def unhurried() -> Iterator[None]:
    """Within this, a live session closes its devices and files by itself, however long that takes."""
    for watch in _watches:
        watch.hurried = False
    try:
        yield
    finally:
        for watch in _watches:
            watch.hurried = True
