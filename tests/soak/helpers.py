"""The processes of the soak: helpers that talk in JSON lines, commands, and the tail of their events."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import psutil

from tests.places import ROOT

__all__ = ["Command", "EventTail", "Helper", "SoakFailure", "await_that"]

LOOK_S = 0.05
PATIENCE_S = 300.0  # on a busy machine, where a process that begins anew may take minutes
KINDS = {"engine_process": "engine", "midi.process": "midi port", "engraving": "engraver", "link_process": "link"}


class SoakFailure(Exception):
    """Something did not come about."""


def await_that(so: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> float:
    """Wait until something is so; return the seconds that it took."""
    begin = time.monotonic()
    while not so():
        if time.monotonic() - begin > within_s:
            raise SoakFailure(f"not within {within_s:.0f} s: {what}")
        time.sleep(LOOK_S)
    return time.monotonic() - begin


class Helper:
    """A script of this package; told: what it has printed."""

    def __init__(self, name: str, *words: str) -> None:
        command = [sys.executable, "-m", f"tests.soak.{name}", *words]
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  JACK's library complains of every server that is gone
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words, text=True
        )
        self.told: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(json.loads(line))

    def ask(self, line: str) -> None:
        """Give it an order."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def of(self, key: str) -> list[Any]:
        """All values of a key so far."""
        return [row[key] for row in list(self.told) if key in row]

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


class EventTail:
    """What a command has written of its events; of positions, which are many, only how many and when.

    losses: dropout and late events
    first_s, last_s: of the session's clock, of the positions
    offset_s: what is to be added to the session's clock for the monotonic one, at least
    """

    def __init__(self, path: Path) -> None:
        self._path, self._rest = path, ""
        self._file: TextIO | None = None
        self.losses: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()
        self.last_s, self.seen_s, self.offset_s = 0.0, 0.0, float("inf")

    def poll(self) -> None:
        """Read what is new."""
        if self._file is None:
            if not self._path.exists():
                return
            self._file = self._path.open(encoding="utf-8")
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        for line in lines:
            event = json.loads(line)
            self.counts[event["type"]] += 1
            if event["type"] in ("dropout", "late"):
                self.losses.append(event)
            elif event["type"] == "position":
                self.seen_s, self.last_s = time.monotonic(), event["emitted_at_s"]
                self.offset_s = min(self.offset_s, self.seen_s - self.last_s)

    def n_lost(self, where: str) -> int:
        """How many events have told of this loss."""
        return sum(event["where"] == where for event in self.losses if event["type"] == "dropout")

    def samples(self, where: str) -> int:
        """How many samples they have told of."""
        return sum(event["samples"] for event in self.losses if event["type"] == "dropout" and event["where"] == where)


class Command:
    """`collaparte` with these arguments; lines: what it has said, with the time."""

    def __init__(self, name: str, events: Path, *words: str | Path) -> None:
        self.name, self.events = name, EventTail(events)
        command = [sys.executable, "-m", "cli", *map(str, words), "--events", str(events)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )
        self.lines: list[tuple[float, str]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), line.strip()))

    def said(self, pattern: str) -> int:
        """How many lines match."""
        return sum(bool(re.search(pattern, line)) for _, line in list(self.lines))

    def running(self) -> bool:
        """Whether positions come now."""
        if self.process.poll() is not None:
            raise SoakFailure(f"{self.name} has ended ({self.process.returncode}): {self.lines[-3:]}")
        self.events.poll()
        return time.monotonic() - self.events.seen_s < 1.0

    def children(self) -> list[tuple[str, psutil.Process]]:
        """Its processes below it, by kind."""
        found = []
        try:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                try:
                    words = " ".join(child.cmdline())
                except psutil.Error:
                    continue
                kind = next((kind for text, kind in KINDS.items() if text in words), "other")
                found.append((kind, child))
        except psutil.Error:
            return []
        return found

    def kinds(self) -> Counter[str]:
        """How many of each kind there are."""
        return Counter(kind for kind, _ in self.children())

    def interrupt(self) -> float:
        """Ctrl-C; the seconds until it has ended."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            raise SoakFailure(f"{self.name} does not end by ctrl-C") from error
        self._reader.join(5)
        self.events.poll()
        return time.monotonic() - begin

    def kill(self) -> None:
        """End it, and what it has started."""
        children = self.children()
        self.process.kill()
        self.process.wait()
        for _, child in children:
            try:
                child.kill()
            except psutil.Error:
                continue
