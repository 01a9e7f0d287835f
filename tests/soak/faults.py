"""What goes wrong: each fault is done, is to be told by the sessions, and is to be over after a while.

Each function takes the scene and the dice, does its worst, waits until all is well again, and returns what it did.
SoakFailure if that does not come about.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import psutil

from tests.soak.helpers import Command, await_that
from tests.soak.scene import SoakScene

__all__ = ["FAULTS", "FaultLog"]

AWAY_S = (0.5, 5.0)  # without a server
FULL_S = (2.0, 6.0)  # of a full disk
BUSY_S = (4.0, 10.0)
MOST_BAD = 4000  # invalid samples at a time
CALM_S = 2.0


@dataclass(slots=True)
class FaultLog:
    """What was done so far, for the reckoning.

    device: how often each session lost its device or its engine
    bad: invalid samples that were played while the session that records ran
    away: begin and end, on the monotonic clock, of each time without a server
    """

    device: dict[str, int] = field(default_factory=lambda: {"stage": 0, "run": 0})
    bad: int = 0
    n_full: int = 0
    away: list[tuple[float, float]] = field(default_factory=list)


Fault = Callable[[SoakScene, Random, FaultLog], str]


def _well(scene: SoakScene, *commands: Command) -> None:
    """Wait until positions come again, steadily, with every loss of the device told."""
    for command in commands or scene.commands:
        await_that(command.running, f"{command.name} follows again")


def _told(command: Command, log: FaultLog) -> None:
    """Wait until a session has told of each loss of its device."""

    def so() -> bool:
        command.events.poll()
        return command.events.n_lost("device") >= log.device[command.name]

    await_that(so, f"{command.name} tells that its device was gone")


def server_killed(scene: SoakScene, dice: Random, log: FaultLog) -> str:
    """The sound server dies and comes back."""
    away_s = dice.uniform(*AWAY_S)
    begin = time.monotonic()
    scene.server.kill()
    time.sleep(away_s)
    scene.server.start()
    for command in scene.commands:
        log.device[command.name] += 1
        _told(command, log)
    _well(scene)
    log.away.append((begin, time.monotonic()))
    return f"away for {away_s:.1f} s"


def child_killed(scene: SoakScene, dice: Random, log: FaultLog) -> str:
    """A process of a session dies; it is replaced."""
    command = dice.choice(scene.commands)
    before, children = command.kinds(), command.children()
    kind = dice.choice(sorted({kind for kind, _ in children}))
    victim = dice.choice([child for each, child in children if each == kind])
    victim.kill()
    if kind == "engine":
        log.device[command.name] += 1
        _told(command, log)
    with suppress(psutil.TimeoutExpired):
        victim.wait(5)
    if kind == "engraver":
        engrave(scene, dice)
    await_that(lambda: command.kinds() == before, f"{command.name} has a new {kind}: {before}, now {command.kinds()}")
    _well(scene, command)
    return f"{kind} of {command.name}"


def engrave(scene: SoakScene, dice: Random) -> None:
    """Have the score laid out at a width that nobody has asked for."""
    width = dice.randrange(700, 1400)
    scene.pages.ask(f"engrave {width}")
    await_that(lambda: width in scene.pages.of("width"), "an engraved score")


def disk_full(scene: SoakScene, dice: Random, log: FaultLog) -> str:
    """The disk of the recording is full for a while."""
    full_s = dice.uniform(*FULL_S)
    before = scene.run.said("room on the disk")
    lost = scene.run.events.n_lost("recording")
    log.n_full += 1
    scene.disk.fill(scene.run.process.pid)
    try:
        await_that(lambda: scene.run.said("room on the disk") > before, "a line about the full disk")
        time.sleep(full_s)
    finally:
        scene.disk.free()

    def told() -> bool:
        scene.run.events.poll()
        return scene.run.events.n_lost("recording") > lost

    await_that(told, "an event that tells what was not recorded")
    _well(scene)
    return f"{scene.disk.kind}, for {full_s:.1f} s"


def nonsense_in(scene: SoakScene, dice: Random, log: FaultLog) -> str:
    """NaN and infinity come in."""
    n = dice.randrange(100, MOST_BAD)
    before = sum(scene.player.of("bad"))
    scene.player.ask(f"nan {n}")
    await_that(lambda: sum(scene.player.of("bad")) >= before + n, "the soloist plays nonsense")
    log.bad += n
    for command in scene.commands:
        await_that(lambda c=command: _bad_told(c) >= log.bad, f"{command.name} tells of invalid samples")
    _well(scene)
    return f"{n} samples"


def _bad_told(command: Command) -> int:
    """How many invalid samples, of each of two channels, it has told of; what an engine that died knew is gone."""
    command.events.poll()
    return command.events.samples("invalid input") // 2


def pages_stall(scene: SoakScene, dice: Random, log: FaultLog) -> str:
    """Three pages stop reading."""
    scene.pages.ask("stall")
    time.sleep(CALM_S)
    _well(scene)
    return "three for 15 s"


def pages_vanish(scene: SoakScene, dice: Random, log: FaultLog) -> str:
    """Five pages are gone without a word, and the score is laid out anew."""
    scene.pages.ask("vanish")
    engrave(scene, dice)
    _well(scene)
    return "five"


def guests_come(scene: SoakScene, dice: Random, log: FaultLog) -> str:
    """Others join the Link session, with a tempo of their own, and leave it again."""
    n = dice.randrange(1, 4)
    line, gone = f"Ableton Link: {1 + n} other", len(scene.band.of("left"))
    before = scene.stage.said(line)
    scene.band.ask(f"guests {n}")
    await_that(lambda: scene.stage.said(line) > before, f"{n} guests in the Link session")
    await_that(lambda: len(scene.band.of("left")) > gone, "the guests have left")
    _well(scene)
    return f"{n} for some seconds"


def machine_busy(scene: SoakScene, dice: Random, log: FaultLog) -> str:
    """More processes than cores compute."""
    busy_s = dice.uniform(*BUSY_S)
    code = "while True: pass"
    hogs = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2 * (psutil.cpu_count() or 1))]
    try:
        time.sleep(busy_s)
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    _well(scene)
    return f"{len(hogs)} processes for {busy_s:.1f} s"


FAULTS: dict[str, Fault] = {
    "server killed": server_killed,
    "child killed": child_killed,
    "disk full": disk_full,
    "nonsense in": nonsense_in,
    "pages stall": pages_stall,
    "pages vanish": pages_vanish,
    "guests come": guests_come,
    "machine busy": machine_busy,
}
