"""Messages of one value each, sent only when it changes and not too often."""

from __future__ import annotations

from collections.abc import Callable

from engine.stage.osc.packing import osc_message

__all__ = ["OscSingles"]

EVERY_S = 1 / 30  # shortest time between two messages of one address

Value = int | float | str


class OscSingles:
    """Send the newest value of each address; one that comes too soon waits, and newer ones replace it."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._sent: dict[str, tuple[float, Value]] = {}  # by address: when, and what
        self._waiting: dict[str, Value] = {}

    def put(self, now_s: float, address: str, value: Value) -> None:
        """Take the value of an address at a time, seconds on a clock that never goes back."""
        at_s, before = self._sent.get(address, (float("-inf"), None))
        if value == before:
            self._waiting.pop(address, None)
        elif now_s - at_s < EVERY_S:
            self._waiting[address] = value
        else:
            self._waiting.pop(address, None)
            self._sent[address] = now_s, value
            self._send(osc_message(address, value))

    def flush(self, now_s: float) -> None:
        """Send what has waited long enough."""
        for address, value in list(self._waiting.items()):
            self.put(now_s, address, value)
