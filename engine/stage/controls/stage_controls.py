"""Control what is on the stage: one object for the page, OSC and MQTT, called from any thread."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence

from engine.core.config import require
from engine.core.errors import ConfigError
from engine.core.orders import Order, RefusePieces, SetDynamics, SetPace
from engine.stage.controls.base import ControlledSession
from engine.stage.controls.desk import StageDesk, StageWish
from engine.stage.controls.faders import FaderControls
from engine.stage.controls.generation import GeneratorControls
from engine.stage.controls.places import PlaceControls
from engine.stage.controls.sounds import SoundControls

__all__ = ["StageControls"]

MIN_RATIO, MAX_RATIO = 0.25, 4.0


class StageControls(FaderControls, SoundControls, GeneratorControls, PlaceControls):
    """Control the session that is running, or the one that will.

    does: what a session here does, of follow, accompany, separate, detect and generate
    parts: names of the parts that are played, with accompaniment
    labels: sounds that can be detected
    ratio, dynamics, loop: what the settings say
    scores: ids of those that can be chosen
    piece_ids: of the scores that are found by listening, in the finder's index

    Every method raises EngineError, in one line, for what this session cannot do.
    """

    def __init__(
        self,
        does: Collection[str],
        *,
        parts: Sequence[str] = (),
        labels: Collection[str] = (),
        ratio: float = 1.0,
        dynamics: float = 0.5,
        loop: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(does, StageDesk(ratio=ratio, dynamics=dynamics, loop=loop))
        self.parts, self.labels = tuple(parts), frozenset(labels)
        self._usual = (ratio, dynamics)
        self.scores: Container[str] = ()
        self.piece_ids: Mapping[str, str] = {}
        self._refused: list[str] = []

    def attach(self, session: ControlledSession) -> None:
        """Control this session from now on; what was set before holds for it."""
        with self._lock:
            self._session = session
            self._set_stems()
            refused: list[Order] = [RefusePieces(self._refused_ids)] * bool(self._refused)
            for order in (*self._part_orders(), *self._pace_orders(), *refused, *self._sound_orders()):
                session.order(order)

    def _pace_orders(self) -> list[Order]:
        desk, (ratio, dynamics) = self.desk, self._usual
        orders: list[Order] = [SetPace(desk.ratio)] * (desk.ratio != ratio)
        return orders + [SetDynamics(desk.dynamics)] * (desk.dynamics != dynamics)

    @property
    def _refused_ids(self) -> tuple[str, ...]:
        return tuple(self.piece_ids[score] for score in self._refused)

    def equip(self, parts: Sequence[str], *, other: bool) -> None:
        """Take the parts of a score; settings of parts that it has not are dropped, and a loop if it is another."""
        with self._lock:
            gone = set(self.parts) - set(parts)
            self.parts, desk = tuple(parts), self.desk
            gains = {name: db for name, db in desk.gains.items() if name not in gone}
            muted = tuple(name for name in desk.muted if name not in gone)
            self._set(gains=gains, muted=muted, loop=None if other else desk.loop)

    def tempo_ratio(self, ratio: float) -> None:
        """Play at this ratio to the score's tempo where nobody leads."""
        self._need("accompany")
        require("tempo ratio", ratio, MIN_RATIO, MAX_RATIO)
        self._set(ratio=float(ratio))
        self._order(SetPace(float(ratio)))

    def dynamics(self, amount: float) -> None:
        """Follow the soloist's loudness by this share; 0 not at all, 1 wholly."""
        self._need("accompany")
        require("dynamics", amount, 0, 1)
        self._set(dynamics=float(amount))
        self._order(SetDynamics(float(amount)))

    def choose(self, score: str) -> None:
        """Take another of the scores; a session that runs starts again with it."""
        if score not in self.scores:
            raise ConfigError("score", expected="one of the scores", got="no such id")
        if score in self._refused:
            self._refused.remove(score)
            self._order(RefusePieces(self._refused_ids))
        self._wish(StageWish("choose", score))

    def refuse(self, score: str) -> None:
        """Say that it is not this score that is played: it is not found until it is chosen."""
        if score not in self.piece_ids:
            raise ConfigError("score", expected="one that may be found", got="no such id")
        self._refused += [score] * (score not in self._refused)
        self._order(RefusePieces(self._refused_ids))
