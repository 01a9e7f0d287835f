"""What all controls share: the desk, the session that is controlled, and who is told of changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Protocol

from engine.core.errors import ConfigError
from engine.core.orders import Order
from engine.stage.controls.desk import StageDesk

__all__ = ["ControlBase", "ControlledSession"]

CAN_NOT = {
    "follow": "a score to follow",
    "separate": "a separation: collaparte stage --separate hpss",
    "accompany": "an accompaniment: collaparte stage SCORE --solo PART",
    "generate": "a generator: collaparte generate --stage",
    "detect": "the detection of sounds: collaparte stage --detect",
}


class ControlledSession(Protocol):
    """What the controls need of a running session."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the names of its stems."""
        ...

    def set_gain(self, target: str, gain: float) -> None:
        """Set the gain of a stem, a factor."""
        ...

    def order(self, order: Order) -> None:
        """Pass an order to the pipeline."""
        ...

    def levels(self) -> dict[str, float]:
        """Return the peak of each stem, 0 to 1."""
        ...


class ControlBase:
    """Hold the desk, and pass orders on to the session that runs, if one does; called from any thread.

    does: what a session here does, of follow, accompany, separate, detect and generate
    """

    def __init__(self, does: Collection[str], desk: StageDesk) -> None:
        self.does = frozenset(does)
        self.desk = replace(desk, locked=self._locked())
        self._session: ControlledSession | None = None
        self._lock = threading.RLock()
        self._changed: list[Callable[[StageDesk], None]] = []

    def _locked(self) -> tuple[str, ...]:
        needs = {"from": "follow", "loop": "follow", "ratio": "accompany", "dynamics": "accompany"}
        needs |= {"countin": "accompany", "threshold": "detect"}
        return tuple(name for name, what in needs.items() if what not in self.does)

    def listen(self, changed: Callable[[StageDesk], None]) -> None:
        """Have a function called with the desk after every change, in whichever thread made it."""
        self._changed.append(changed)

    def _set(self, **values: Any) -> None:
        with self._lock:
            self.desk = replace(self.desk, **values)
        for changed in self._changed:
            changed(self.desk)

    def _need(self, what: str) -> None:
        if what not in self.does:
            raise ConfigError("stage", expected=CAN_NOT[what], got="a session without")

    def _order(self, order: Order) -> None:
        with self._lock:
            if self._session is not None:
                self._session.order(order)
