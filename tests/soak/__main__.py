"""Run everything at once, with faults at random: `make soak`, `python -m tests.soak [--minutes M] [--seed N]`.

Prints a line for each fault, a table of what each process held, and what is not as it should be; the exit status is 1
if there is anything. The same seed gives the same faults in the same order.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from random import Random

from tests.jack_server import JackServer
from tests.soak.faults import FAULTS, FaultLog
from tests.soak.helpers import SoakFailure
from tests.soak.meters import Meters, ProcessLife
from tests.soak.scene import SoakScene
from tests.soak.verdict import children_left, heard_to_the_end, memory_flat, notes_end, recording_whole

WARM_S, CALM_S = 20.0, 20.0  # without faults, at the beginning and at the end
PAUSE_S = (2.0, 12.0)  # between two faults, of a short run; of a long one the more
LONG_MINUTES = 20
ENDING_S = 15.0  # by ctrl-C, on a busy machine


def soak(folder: Path, minutes: float, seed: int) -> list[str]:
    """Run; return what is wrong."""
    dice, log = Random(seed), FaultLog()
    wrong: list[str] = []
    with SoakScene(folder, minutes) as scene:
        begin = time.monotonic()
        meters = Meters(scene.commands, 60 * minutes)
        print(f"running; the recording is on {scene.disk.kind}", flush=True)
        _rest(scene, WARM_S)
        wrong += _do_faults(scene, dice, log, begin + 60 * minutes - CALM_S)
        scene.pages.ask("close")
        _rest(scene, CALM_S)
        wrong += heard_to_the_end(scene, time.monotonic() - CALM_S)
        lives = meters.stop()
        pids = [child.pid for command in scene.commands for _, child in command.children()]
        wrong += _end(scene)
        wrong += children_left(pids)
        wrong += [f"hanging: {line}" for line in notes_end([row for row in scene.ear.told if row["port"][0] == "O"])]
        wrong += _losses(scene, log)
        more, facts = recording_whole(scene, log)
        wrong += [f"recording: {line}" for line in more] + [f"memory: {line}" for line in memory_flat(lives)]
        _print_table(scene, lives, facts)
    return wrong


def _rest(scene: SoakScene, seconds: float) -> None:
    """Let it run, and read the events."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(SoakFailure):
            for command in scene.commands:
                command.running()
        time.sleep(0.1)


def _do_faults(scene: SoakScene, dice: Random, log: FaultLog, until: float) -> list[str]:
    """One fault after another: each kind once in any order, then again."""
    wrong, n, bag = [], 0, []
    longer = max(1.0, min(5.0, (until - time.monotonic()) / 60 / LONG_MINUTES))
    while time.monotonic() < until:
        bag = bag or dice.sample(sorted(FAULTS), len(FAULTS))
        name, at = bag.pop(), time.monotonic()
        n += 1
        try:
            text = FAULTS[name](scene, dice, log)
        except SoakFailure as failure:
            text = f"FAILED: {failure}"
            wrong.append(f"fault {n}, {name}: {failure}")
        print(f"{n:4d}  {name:14s}  {text}; well after {time.monotonic() - at:.1f} s", flush=True)
        if any(command.process.poll() is not None for command in scene.commands):
            break
        _rest(scene, dice.uniform(*PAUSE_S) * longer)
    return wrong


def _end(scene: SoakScene) -> list[str]:
    """Ctrl-C to both sessions; each ends in order."""
    wrong = []
    for command in scene.commands:
        try:
            seconds = command.interrupt()
        except SoakFailure as failure:
            wrong.append(str(failure))
            continue
        print(f"{command.name} ended {seconds:.1f} s after ctrl-C", flush=True)
        if command.process.returncode:
            last = [line for _, line in command.lines[-3:]]
            wrong.append(f"{command.name} ended with status {command.process.returncode}: {last}")
        if seconds > ENDING_S:
            wrong.append(f"{command.name} ended only {seconds:.1f} s after ctrl-C")
    return wrong


def _losses(scene: SoakScene, log: FaultLog) -> list[str]:
    """Every loss of a device, and every invalid sample, is told, once."""
    wrong = []
    for command in scene.commands:
        n = command.events.n_lost("device")
        if n != log.device[command.name]:
            wrong.append(f"{command.name}: its device was gone {log.device[command.name]} times, told {n} times")
    return wrong


def _print_table(scene: SoakScene, lives: list[ProcessLife], facts: dict[str, float]) -> None:
    print(f"\n{'process':22s} {'s':>6s} {'peak MB':>8s} {'growth MB':>10s} {'files':>6s}")
    for life in sorted(lives, key=lambda each: (each.command, each.kind)):
        name = f"{life.command} {life.kind}"
        files = f"{life.growth(2):+.0f}"
        print(f"{name:22s} {life.seconds:6.0f} {life.peak_mb:8.1f} {life.growth(1):+10.1f} {files:>6s}")
    print("\n" + ", ".join(f"{name} {value:g}" for name, value in facts.items()))
    for command in scene.commands:
        told: dict[str, int] = {}
        for event in command.events.losses:
            told[event["where"]] = told.get(event["where"], 0) + event["samples"]
        counted = ", ".join(f"{n} {what}s" for what, n in sorted(command.events.counts.items()))
        print(f"{command.name}: {counted}; samples told of: {told or 'none'}")
    print(f"{scene.n_osc} messages by OSC, {len(scene.ear.told)} by MIDI, {scene.orders} times from the beginning")


def _told_to_end(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Read the arguments, run, and print the reasons; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, help="a new folder for what was recorded, which else is deleted")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _told_to_end)
    if missing := JackServer.missing():
        print(f"soak: {missing}")
        return 1
    print(f"seed {options.seed}, {options.minutes:g} minutes", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="soak-")) if options.keep is None else options.keep
    folder.mkdir(parents=True, exist_ok=True)
    try:
        wrong = soak(folder, options.minutes, options.seed)
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    for line in wrong:
        print(f"WRONG  {line}")
    print(f"soak: {'all is well' if not wrong else f'{len(wrong)} things are wrong'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
