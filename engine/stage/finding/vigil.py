"""When the finder has to listen: not while the follower of the piece that it has found is confident."""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.events import Event, Position, State

__all__ = ["LISTEN_S", "Vigil"]

LISTEN_S = 4.0  # for which is listened at least, before the next rest
CONFIDENT, DOUBTFUL = 0.5, 0.3  # confidence of the follower from which the finder may rest, and below which it wakes


class Vigil:
    """Decide, at the beginning of each of the finder's groups, whether the finder rests in it.

    rest_s: longest rest, seconds; 0 for none: a follower may take another piece for its own for a while
    """

    def __init__(self, rest_s: float) -> None:
        self._rest_s = rest_s
        self.reset()

    def reset(self) -> None:
        """Return to the state after construction: listening."""
        self.rests = False
        self._since_s, self._following, self._confidence = 0.0, False, 0.0

    def look(self, events: Iterable[Event]) -> None:
        """Take the follower's events."""
        for event in events:
            if isinstance(event, Position):
                self._confidence = event.confidence
            elif isinstance(event, State):
                self._following = event.name == "following"

    def decide(self, now_s: float, *, settled: bool) -> bool:
        """Return whether the finder rests from now on.

        settled: whether the piece that is followed is the likeliest, and has been for a while
        """
        trusted = self._following and self._confidence >= (DOUBTFUL if self.rests else CONFIDENT)
        over = now_s - self._since_s >= (self._rest_s if self.rests else LISTEN_S)
        turns = over or not trusted if self.rests else over and trusted and settled and self._rest_s > 0
        if turns:
            self.rests, self._since_s = not self.rests, now_s
        return self.rests

    def forget(self, now_s: float) -> None:
        """Listen, from now on, to a new follower."""
        self.reset()
        self._since_s = now_s
