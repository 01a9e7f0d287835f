"""Control whether sessions run: start, stop, again with other settings."""

from __future__ import annotations

import threading
from collections.abc import Collection

from engine.stage.controls.base import ControlBase
from engine.stage.controls.desk import StageDesk, StageWish, Wish

__all__ = ["RunControls"]


class RunControls(ControlBase):
    """Have sessions begin and end.

    wishes: what the thread that runs the sessions has to do
    halt: ends the session that runs
    count_in_bars: that the next session counts first
    """

    def __init__(self, does: Collection[str], desk: StageDesk) -> None:
        super().__init__(does, desk)
        self.wishes: Wish = Wish()
        self.halt = threading.Event()
        self.count_in_bars = 0
        self._begun = self._asked = False

    @property
    def running(self) -> bool:
        """Return whether a session is running, or about to."""
        return self._begun

    @property
    def ended_by_hand(self) -> bool:
        """Return whether the last session was ended by whoever controls it."""
        return self._asked

    def prepare(self) -> None:
        """Say that a session is about to run; what ended the last one does not end it."""
        self._begun, self._asked = True, False
        self.halt.clear()

    def detach(self) -> None:
        """Say that no session is running."""
        with self._lock:
            self._session, self._begun = None, False

    def start(self) -> None:
        """Start a session, unless one runs."""
        with self._lock:
            if not self._begun:
                self._begun = True
                self.wishes.put(StageWish("start"))

    def stop(self) -> None:
        """End the session that runs."""
        self._asked = True
        self.halt.set()

    def quit(self) -> None:
        """End everything."""
        self.wishes.put(StageWish("quit"))
        self.stop()

    def _wish(self, wish: StageWish) -> None:
        """Have something done; a session that runs starts again with it."""
        with self._lock:
            self.wishes.put(wish)
            if self._begun:
                self.wishes.put(StageWish("start"))
                self.stop()

    def begin_again(self) -> None:
        """Have a session that runs end, and another begin with what was set."""
        self._wish(StageWish("again"))
