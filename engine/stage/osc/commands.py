"""What an OSC message to Colla Parte orders."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from engine.core.config import require
from engine.core.errors import ConfigError
from engine.midi.gains import gain_of, level_db
from engine.stage.controls.stage_controls import StageControls

__all__ = ["OSC_COMMANDS", "obey_osc"]

ROOT = "/collaparte/"
LAST_VALUE = 127  # of a MIDI controller


Numbers = Sequence[float]
Act = Callable[[StageControls, str, Numbers], None]


def _loop(controls: StageControls, name: str, numbers: Numbers) -> None:
    controls.loop(int(numbers[0]), int(numbers[1]))


def _fader(controls: StageControls, name: str, numbers: Numbers) -> None:
    """Set a gain as the knob of a MIDI controller does, from its lowest end 0 to its highest 1."""
    require("fader", numbers[0], 0, 1)
    controls.set_gain(name, level_db(gain_of(LAST_VALUE * numbers[0])))


# By address: whether a name follows it, how many numbers come with it, and what it does. Buttons send a 1 when they are
# pressed and a 0 when they are let go; the 0 does nothing.
OSC_COMMANDS: dict[str, tuple[bool, int, Act]] = {
    "start": (False, 0, lambda controls, name, numbers: controls.start()),
    "stop": (False, 0, lambda controls, name, numbers: controls.stop()),
    "countin": (False, 0, lambda controls, name, numbers: controls.count_in()),
    "from": (False, 1, lambda controls, name, numbers: controls.go_to(numbers[0])),
    "bar": (False, 1, lambda controls, name, numbers: controls.go_to_bar(int(numbers[0]))),
    "gain": (True, 1, lambda controls, name, numbers: controls.set_gain(name, numbers[0])),
    "fader": (True, 1, _fader),
    "mute": (True, 1, lambda controls, name, numbers: controls.mute(name, numbers[0] > 0)),
    "loop": (False, 2, _loop),
    "noloop": (False, 0, lambda controls, name, numbers: controls.loop(None, None)),
    "ratio": (False, 1, lambda controls, name, numbers: controls.tempo_ratio(numbers[0])),
    "dynamics": (False, 1, lambda controls, name, numbers: controls.dynamics(numbers[0])),
    "threshold": (True, 1, lambda controls, name, numbers: controls.threshold(name, numbers[0])),
    "listen": (False, 1, lambda controls, name, numbers: controls.listen_for_sounds(numbers[0] > 0)),
    "choose": (True, 0, lambda controls, name, numbers: controls.choose(name)),
}


def obey_osc(controls: StageControls, address: str, arguments: Sequence[Any]) -> None:
    """Do what a message orders; EngineError for one that orders nothing known, or what cannot be done.

    A name may be the rest of the address or the first argument.
    """
    word, _, name = address.removeprefix(ROOT).partition("/")
    if not address.startswith(ROOT) or word not in OSC_COMMANDS:
        known = ", ".join(ROOT + each for each in OSC_COMMANDS)
        raise ConfigError("OSC", expected=f"one of {known}", got=address[:80])
    named, n, act = OSC_COMMANDS[word]
    rest = list(arguments)
    if named and not name and rest and isinstance(rest[0], str):
        name = rest.pop(0)
    numbers = [float(each) for each in rest if isinstance(each, int | float)]
    if (named and not name) or len(numbers) < n or len(numbers) != len(rest):
        wanted = " and ".join(["a name"] * named + [f"{n} number{'s' * (n > 1)}"] * (n > 0)) or "no text"
        raise ConfigError(f"OSC {address[:80]}", expected=wanted, got=repr(list(arguments))[:80])
    if word != "gain" and not all(map(math.isfinite, numbers)):
        raise ConfigError(f"OSC {address[:80]}", expected="finite numbers", got=repr(numbers)[:80])
    if n or not numbers or numbers[0] > 0:
        act(controls, name, numbers)
