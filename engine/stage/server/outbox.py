"""What one client is still to be told: the newest of every kind, and a few events."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

__all__ = ["StageMessage", "StageOutbox"]

N_EVENTS = 64  # that wait for a client; of more, the oldest are left out, and counted
STALE_S = 0.03  # a position that has waited longer is told with its greater age


class StageMessage:
    """A message to clients, written once for all of them."""

    __slots__ = ("body", "made_s", "text")

    def __init__(self, kind: str, body: Mapping[str, Any]) -> None:
        self.body = {"t": kind, **body}
        self.text = json.dumps(self.body, allow_nan=False, separators=(",", ":"))
        self.made_s = time.monotonic()

    def now(self) -> str:
        """Return the text; an age grows with the time that the message has waited."""
        waited_s = time.monotonic() - self.made_s
        if waited_s <= STALE_S or "age" not in self.body:
            return self.text
        older = {**self.body, "age": round(self.body["age"] + waited_s, 3)}
        return json.dumps(older, allow_nan=False, separators=(",", ":"))


class StageOutbox:
    """Keep one message of each kind, newest wins, and a bounded queue of events; used in one event loop."""

    def __init__(self) -> None:
        self._newest: dict[str, StageMessage] = {}
        self._events: deque[StageMessage] = deque(maxlen=N_EVENTS)
        self._filled = asyncio.Event()
        self.n_missed = 0

    def put(self, message: StageMessage) -> None:
        """Replace what was still to be told of this kind."""
        self._newest[message.body["t"]] = message
        self._filled.set()

    def add(self, message: StageMessage) -> None:
        """Queue an event; the oldest makes room for it."""
        self.n_missed += len(self._events) == N_EVENTS
        self._events.append(message)
        self._filled.set()

    def __len__(self) -> int:
        return len(self._newest) + len(self._events)

    async def take(self) -> StageMessage:
        """Return the next message, in the order in which the kinds began to wait; events come first."""
        while not len(self):
            self._filled.clear()
            await self._filled.wait()
        if self._events:
            return self._events.popleft()
        return self._newest.pop(next(iter(self._newest)))
