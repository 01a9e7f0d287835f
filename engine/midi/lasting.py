"""Keep a MIDI port open: one whose server or process has gone is opened again as soon as that is possible."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from engine.core.errors import DeviceError
from engine.midi.process import MidiProcess

__all__ = ["LastingPort"]

RETRY_S = 0.5  # between attempts to open a port that has gone
P = TypeVar("P", bound=MidiProcess)


class LastingPort(Generic[P]):
    """A port, or None in `port` while there is none.

    open: opens it; DeviceError, which the first time is passed on
    say: is told in one line that it has gone, and that it is back
    """

    def __init__(self, open: Callable[[], P], say: Callable[[str], None]) -> None:
        self._open, self._say = open, say
        self._closing = threading.Event()
        self.port: P | None = open()

    def look(self) -> None:
        """Notice a lost port."""
        if (port := self.port) is not None and port.gone:
            self.lost(port)

    def lost(self, port: P) -> None:
        """Give a port up, and open it again in a thread."""
        self._say(f"{port.gone or 'the MIDI port is gone'}; waiting for it")
        self.port = None
        threading.Thread(target=self._open_again, args=(port,), daemon=True, name="port").start()

    def _open_again(self, old: P) -> None:
        old.close()
        while not self._closing.wait(RETRY_S):
            with contextlib.suppress(DeviceError):
                self.port = self._open()
                self._say("the MIDI port is back")
                return

    def close(self) -> None:
        """End what sounds, and close."""
        self._closing.set()
        if self.port is not None:
            self.port.close()
