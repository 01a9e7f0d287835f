"""Control gains: faders of stems and parts, muting, and the input as it is."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from engine.core.config import require, require_one_of
from engine.core.orders import MutePart, Order, SetPartGain
from engine.stage.controls.base import ControlBase
from engine.stage.controls.desk import StageDesk

__all__ = ["FaderControls"]

MIN_DB, MAX_DB = -80.0, 24.0  # of faders; at the lower end a target is silent
SUM = "sum"  # the fader of all stems together


class FaderControls(ControlBase):
    """Set the gains of the stems and parts of a session.

    parts: names of the parts that are played, with accompaniment
    """

    def __init__(self, does: Collection[str], desk: StageDesk) -> None:
        super().__init__(does, desk)
        self.parts: tuple[str, ...] = ()

    def levels(self) -> dict[str, float]:
        """Return the peak of each target, 0 to 1; empty while nothing runs."""
        session = self._session
        return {} if session is None else session.levels()

    def show_gains(self, gains: Mapping[str, float]) -> None:
        """Take the gains with which a session has begun, dB, where none were set."""
        parts = dict.fromkeys(self.parts, 0.0)
        self._set(gains={**gains, **parts, **self.desk.gains})

    def set_gain(self, target: str, db: float) -> None:
        """Set the gain of a target or of a part, dB; the lowest is silence."""
        require("gain", db, -math.inf, MAX_DB)
        self._known(target)
        self._set(gains={**self.desk.gains, target: max(float(db), MIN_DB)})
        self._apply_gain(target)

    def mute(self, target: str, on: bool) -> None:
        """Silence a target or a part, or let it sound again with the gain it has."""
        self._known(target)
        others = tuple(name for name in self.desk.muted if name != target)
        self._set(muted=(*others, target) if on else others)
        self._apply_gain(target)

    def pass_through(self, on: bool) -> None:
        """Let all stems sound as they are, which is the input, or as their faders say."""
        self._need("separate")
        self._set(through=on)
        self._apply_gain(SUM)

    def _known(self, target: str) -> None:
        session = self._session
        targets = session.targets if session is not None else ()
        if session is not None or target not in self.desk.gains:
            whole = (SUM,) if "separate" in self.does else ()
            require_one_of("gain", target, (*targets, *self.parts, *whole))

    def _apply_gain(self, target: str) -> None:
        with self._lock:
            session, desk = self._session, self.desk
            if session is None:
                return
            if target == SUM:
                for each in session.targets:
                    session.set_gain(each, self._factor(each))
            elif target in session.targets:
                session.set_gain(target, self._factor(target))
            else:
                session.order(SetPartGain(target, desk.gains.get(target, 0.0)))
                session.order(MutePart(target, target in desk.muted))

    def _factor(self, target: str) -> float:
        whole = self._fader(SUM)
        return whole if self.desk.through else whole * self._fader(target)

    def _fader(self, target: str) -> float:
        db = self.desk.gains.get(target, 0.0)
        return 0.0 if target in self.desk.muted or db <= MIN_DB else 10 ** (db / 20)

    def _set_stems(self) -> None:
        """Give the stems of a session that begins the gains that were set before."""
        if (session := self._session) is not None:
            for target in {*self.desk.gains, *self.desk.muted} - {*self.parts, SUM}:
                session.set_gain(target, self._factor(target))

    def _part_orders(self) -> list[Order]:
        """Return what gives the parts the gains that were set before."""
        desk = self.desk
        orders: list[Order] = [SetPartGain(part, desk.gains[part]) for part in self.parts if part in desk.gains]
        return orders + [MutePart(part, True) for part in self.parts if part in desk.muted]
