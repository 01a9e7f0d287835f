"""Control the gains of stems with the knobs of a MIDI controller, live."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from engine.midi.port import MidiConfig
from engine.midi.process import MidiProcess

__all__ = ["FIRST_CONTROLLER", "VIRTUAL", "GainKnobs", "gain_of", "knob", "level_db"]

FIRST_CONTROLLER = 20  # of the first target, the next ones follow; controllers 20 to 31 are undefined in MIDI
UNITY = 100  # the controller value of unity gain
CONTROL = 0xB0
VIRTUAL = "virtual"  # instead of a port's name: a virtual port that others connect to
LOOK_S = 0.01


def gain_of(value: float) -> float:
    """Return the gain of a controller's value 0 to 127: (value / 100)^2, so 0 is silence, 100 is 1 (0 dB).

    The square spaces the decibels as faders do: 50 is -12 dB, 127 is +4 dB.
    """
    return (value / UNITY) ** 2


def level_db(gain: float) -> float:
    """Return a gain in dB."""
    return 20 * math.log10(gain) if gain > 0 else -math.inf


def knob(message: bytes) -> tuple[int, float] | None:
    """Return a target's index and new gain if the message is a control change of our controllers, on any channel."""
    if len(message) != 3 or message[0] & 0xF0 != CONTROL or message[1] < FIRST_CONTROLLER:
        return None
    return message[1] - FIRST_CONTROLLER, gain_of(message[2] & 0x7F)


class GainKnobs:
    """Receive from a port within `with`, and pass on the gains.

    port: part of the name of a MIDI output port, such as a controller's, or VIRTUAL
    targets: the targets' names, once they are known
    set_gain: called with a name and a factor, in a separate thread
    news: text of what has changed

    DeviceError if there is no such port.
    """

    def __init__(self, port: str, targets: Callable[[], tuple[str, ...]], set_gain: Callable[[str, float], None]):
        source = None if port == VIRTUAL else port
        self._config = MidiConfig(name="collaparte-gains", input_port=source)
        self._targets, self._set_gain = targets, set_gain
        self._turned: dict[int, float] = {}
        self.news: deque[str] = deque(maxlen=64)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="gain knobs")

    def __enter__(self) -> Self:
        self._port = MidiProcess(self._config)
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end.set()
        self._thread.join()
        self._port.close()

    def _run(self) -> None:
        while not self._end.wait(LOOK_S):
            self.apply([self._port.received.popleft()[1] for _ in range(len(self._port.received))])

    def apply(self, messages: list[bytes]) -> None:
        """Apply messages in order; of several for one target the last counts. Those before the start are kept."""
        names = self._targets()
        self._turned |= dict(filter(None, map(knob, messages)))
        turned, self._turned = (self._turned, {}) if names else ({}, self._turned)
        for position, gain in turned.items():
            if position < len(names):
                self._set_gain(names[position], gain)
                level = f"{level_db(gain):+.1f} dB" if gain else "off"
                self.news.append(f"{names[position]} {level}")
