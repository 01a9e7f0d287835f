"""A receiver of MIDI through JACK, which notes what comes and when."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from tests.places import ROOT

__all__ = ["PATIENCE_S", "MidiProbe"]

PATIENCE_S = 120.0

Message = tuple[int, bytes]  # frame, and what came


class MidiProbe:
    """The receiver's process.

    messages: what came so far; skipped: at the end, the frames that the server never ran
    """

    def __init__(self, source: str) -> None:
        command = [sys.executable, "-m", "tests.engine.midi.midi_probe", source]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.messages: list[Message] = []
        self.skipped: list[tuple[int, int]] = []
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._wait(lambda: "ready" in self._lines, "client")

    def connected(self) -> None:
        """Wait until it is connected."""
        self._wait(lambda: "connected" in self._lines, "connection")

    def until(self, enough: Callable[[list[Message]], bool]) -> None:
        """Wait for messages."""
        self._wait(lambda: enough(self.messages), "messages")

    def heard(self) -> list[Message]:
        """Stop, and return all messages."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._reader.join(PATIENCE_S)
        self.process.wait(PATIENCE_S)
        return self.messages

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in map(str.strip, self.process.stdout):
            if not line.startswith("["):
                self._lines.append(line)
            elif (values := json.loads(line)) and isinstance(values[-1], str):
                self.messages.append((values[0], bytes.fromhex(values[1])))
            else:
                self.skipped = [(first, end) for first, end in values]

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not ready():
            assert time.monotonic() < deadline, f"no {what}"
            time.sleep(0.01)
