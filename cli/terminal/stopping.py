"""How commands end: by themselves, by a mistake, or because they are asked to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["INTERRUPTED", "USER_ERROR", "stoppable"]

USER_ERROR, INTERRUPTED = 2, 130  # exit statuses


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """An event that the first ctrl-C or SIGTERM sets, so that files are closed whole; the second ends at once."""
    stop = threading.Event()

    def ask(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
