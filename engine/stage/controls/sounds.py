"""Control the detection of sounds: thresholds, sounds that are not told for a while, and not listening at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping

from engine.core.config import require, require_one_of
from engine.core.orders import ListenForSounds, Order, SetThreshold
from engine.stage.controls.base import ControlBase
from engine.stage.controls.desk import StageDesk

__all__ = ["SoundControls"]

USUAL = 0.5  # probability from which a sound is told, where nothing says another
LONGEST_QUIET_S = 86_400.0
NEVER = 1.0  # probability from which nothing is told


class SoundControls(ControlBase):
    """Set which sounds are told.

    labels: sounds that can be detected
    """

    def __init__(self, does: Collection[str], desk: StageDesk) -> None:
        super().__init__(does, desk)
        self.labels: frozenset[str] = frozenset()
        self._own_thresholds: dict[str, float] = {}  # that were set here

    def show_thresholds(self, thresholds: Mapping[str, float]) -> None:
        """Take the thresholds of all sounds that a session can report, where none were set; no others can be."""
        self.labels = frozenset(thresholds)
        usual = {label: round(value, 3) for label, value in thresholds.items()}
        self._set(thresholds={**usual, **self._own_thresholds})

    def threshold(self, label: str, probability: float) -> None:
        """Report a sound from this probability on."""
        self._need("detect")
        if self.labels:
            require_one_of("threshold", label, self.labels)
        require("threshold", probability, 0, 1)
        self._own_thresholds[label] = float(probability)
        quiet = {name: until for name, until in self.desk.quiet.items() if name != label}
        self._set(thresholds={**self.desk.thresholds, label: float(probability)}, quiet=quiet)
        self._order(SetThreshold(label, float(probability)))

    def quiet(self, label: str, seconds: float) -> None:
        """Tell nothing of a sound for so long, and then again from the probability that holds now; 0: now."""
        self._need("detect")
        if self.labels:
            require_one_of("quiet", label, self.labels)
        require("quiet", seconds, 0, LONGEST_QUIET_S)
        if seconds == 0:
            return self._speak(label)
        until = time.time() + seconds
        self._set(quiet={**self.desk.quiet, label: until})
        self._order(SetThreshold(label, NEVER))
        timer = threading.Timer(seconds, self._speak, (label, until))
        timer.daemon = True
        timer.start()

    def _speak(self, label: str, until: float | None = None) -> None:
        """Tell of a sound again, unless it has been asked to be quiet for longer since."""
        if until in (None, self.desk.quiet.get(label)) and label in self.desk.quiet:
            quiet = {name: then for name, then in self.desk.quiet.items() if name != label}
            self._set(quiet=quiet)
            self._order(SetThreshold(label, self.desk.thresholds.get(label, USUAL)))

    def listen_for_sounds(self, on: bool) -> None:
        """Listen for sounds, or hear none until it is asked for again."""
        self._need("detect")
        self._set(deaf=not on)
        self._order(ListenForSounds(on))

    def _sound_orders(self) -> list[Order]:
        """Return what was set before, for a session that begins."""
        orders: list[Order] = [SetThreshold(label, value) for label, value in self._own_thresholds.items()]
        orders += [SetThreshold(label, NEVER) for label in self.desk.quiet]
        return orders + [ListenForSounds(False)] * self.desk.deaf
