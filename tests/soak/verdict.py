"""What is to be true at the end; each check returns what is not, in one line each."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import psutil
import soundfile

from tests.soak.faults import FaultLog
from tests.soak.meters import ProcessLife
from tests.soak.music import RATE
from tests.soak.pilot import PERIOD, holes, pilot, places
from tests.soak.scene import PORTS, SoakScene
from tests.tolerances import SOAK_FILES, SOAK_MB, SOAK_MB_AN_HOUR

__all__ = ["children_left", "heard_to_the_end", "memory_flat", "notes_end", "recording_whole", "unlike"]

MARGIN = 8192  # samples about a hole: what was within the separation when its process died, and one block
EXCUSE_S = 1.0  # about a block that the soloist itself missed
LENGTH_S = 1.0  # the event file and the recording end not at the same instant
LONGEST_S = 6.0  # of a note: a quarter, and as much as an accompaniment waits
FRESH_S = 20.0

Reasons = list[str]


def memory_flat(lives: Sequence[ProcessLife]) -> Reasons:
    """Memory and open files of every process at the end of its life are what they were when it was warm."""
    wrong = []
    for life in lives:
        hours = life.seconds / 3600
        if life.growth(1) > SOAK_MB + SOAK_MB_AN_HOUR * hours:
            wrong.append(f"{life.command} {life.kind}: {life.growth(1):+.1f} MB within {life.seconds:.0f} s")
        if life.growth(2) > SOAK_FILES:
            wrong.append(f"{life.command} {life.kind}: {life.growth(2):+.0f} open files")
    return wrong


def notes_end(heard: Sequence[dict[str, Any]]) -> Reasons:
    """No note that was heard sounds for too long, nor at the end; what a dead server took along has ended with it."""
    wrong: Reasons = []
    last = max((row["life"] for row in heard), default=0)
    sounding: dict[tuple[str, int, int, int], float] = {}
    n = 0
    for row in heard:
        message = bytes.fromhex(row["midi"])
        kind, channel = message[0] & 0xF0, message[0] & 15
        where = row["port"], row["life"], channel
        if kind == 0x90 and message[2]:
            n += 1
            sounding.setdefault((*where, message[1]), row["t"])
        elif kind in (0x80, 0x90):
            begin = sounding.pop((*where, message[1]), None)
            if begin is not None and row["t"] - begin > LONGEST_S:
                wrong.append(f"note {message[1]} of {row['port']} sounded for {row['t'] - begin:.1f} s")
        elif kind == 0xB0 and message[1] in (120, 123):
            for key in [key for key in sounding if key[:3] == where]:
                begin = sounding.pop(key)
                if row["t"] - begin > LONGEST_S:
                    wrong.append(f"note {key[3]} of {row['port']} sounded for {row['t'] - begin:.1f} s")
    wrong += [f"note {key[3]} of {key[0]} sounds at the end" for key in sounding if key[1] == last]
    return wrong if n else ["no note was heard"]


def heard_to_the_end(scene: SoakScene, end: float) -> Reasons:
    """MIDI, ticks, OSC, Link's beat and positions on the page came to the end."""
    rows = list(scene.ear.told)
    heard = {port: max((row["t"] for row in rows if row["port"] == port), default=0.0) for port in PORTS}
    heard |= {"OSC": scene.osc_s, "a page": max(scene.pages.of("position"), default=0.0)}
    heard |= {"Link": max(scene.band.of("beat"), default=0.0)}
    wrong = [f"nothing from {who} in the last {FRESH_S:.0f} s" for who, at in heard.items() if end - at > FRESH_S]
    return wrong + [f"a page: {text}" for text in scene.pages.of("error")]


def recording_whole(scene: SoakScene, log: FaultLog) -> tuple[Reasons, dict[str, float]]:
    """The recording is as long as the session's clock, silent and moved only where events tell why."""
    files = sorted(scene.recording.glob("*.wav"))
    if not files:
        return ["no recording"], {}
    lengths = {path.name: soundfile.info(path).frames for path in files}
    wrong: Reasons = []
    if len(set(lengths.values())) != 1:
        wrong.append(f"stems of different lengths: {lengths}")
    n = min(lengths.values())
    expected = scene.run.events.last_s
    if abs(n / RATE - expected) > LENGTH_S:
        wrong.append(f"the recording has {n / RATE:.1f} s, the session {expected:.1f}")
    told = _told(scene)
    excused = [(row - scene.run.events.offset_s) * RATE for row in scene.player.of("late")]
    told += [tuple(round((at - scene.run.events.offset_s) * RATE) for at in alone) for alone in _alone(scene, log)]
    silent, moved = unlike(files, n)
    for begin, end in silent:
        if not any(a - MARGIN <= begin and end <= b + MARGIN for a, b in told) and not _near(excused, begin, end):
            wrong.append(f"{(end - begin) / RATE:.3f} s of silence at {begin / RATE:.2f} s that no event tells of")
    for begin, end in moved:
        if not any(a <= end and begin <= b for a, b in told) and not _near(excused, begin, end):
            wrong.append(f"samples are missing between {begin / RATE:.1f} and {end / RATE:.1f} s, without an event")
    hole_s = sum(b - a for a, b in silent) / RATE
    return wrong, {"recorded s": n / RATE, "of it silent s": hole_s, "stems": len(files), "moves": len(moved)}


def _told(scene: SoakScene) -> list[tuple[int, int]]:
    """Where the events say that something is missing."""
    where = ("device", "input", "invalid input", "recording", "server")
    rows = [row for row in scene.run.events.losses if row["type"] == "dropout" and row["where"] in where]
    return [(round(row["at_s"] * RATE), round(row["at_s"] * RATE) + row["samples"]) for row in rows]


def _alone(scene: SoakScene, log: FaultLog) -> list[tuple[float, float]]:
    """When sessions may have had a server, but not yet the soloist, whose own process comes back when it can."""
    back = scene.player.of("back")
    return [(begin, min((at for at in back if at > begin), default=begin) + EXCUSE_S) for begin, _ in log.away]


def _near(instants: Iterable[float], begin: float, end: float) -> bool:
    return any(begin - EXCUSE_S * RATE <= at <= end + EXCUSE_S * RATE for at in instants)


def unlike(files: Sequence[Any], n: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Where the sum of the stems is silent, and between which samples the pilot has moved."""
    noise, silent, moved = pilot(), [], []
    known: tuple[int, int] | None = None  # sample, and the pilot's place there
    readers = [soundfile.SoundFile(path) for path in files]
    block = 16 * PERIOD
    for start in range(0, n, block):
        size = min(block, n - start)
        sound = np.sum([reader.read(size, dtype="float32", always_2d=True)[:, 0] for reader in readers], axis=0)
        for a, b in holes(sound):
            begin = silent.pop()[0] if silent and silent[-1][1] == start + a else start + a
            silent.append((begin, start + b))
        for k, place in enumerate(places(sound, noise)):
            at = start + k * PERIOD
            if place is None:
                continue
            if known is not None and (place - known[1] - (at - known[0])) % PERIOD:
                moved.append((known[0], at + PERIOD))
            known = at, place
    for reader in readers:
        reader.close()
    return silent, moved


def children_left(pids: Iterable[int], within_s: float = 5.0) -> Reasons:
    """No process of a session outlives it."""
    end = time.monotonic() + within_s
    left = set(pids)
    while left and time.monotonic() < end:
        left = {pid for pid in left if _lives(pid)}
        time.sleep(0.05)
    return [f"process {pid} is still there" for pid in sorted(left)]


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
