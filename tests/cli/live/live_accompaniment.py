"""`collaparte accompany` as a process on a JACK server, and what it says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from engine.core.events import Control, Note, from_line
from tests.jack_server import JackServer
from tests.places import ROOT

__all__ = ["WIRES", "LiveAccompaniment", "sounding"]

PATIENCE_S = 600.0  # a cold numba cache compiles for long
WIRES = (
    ("player:out", "collaparte:in_1"),
    ("player:out", "collaparte:in_2"),
    ("collaparte:out_1", "recorder:in"),
    ("Orchestra:out", "recorder:midi"),
)


class LiveAccompaniment:
    """Start with `with`; leaving kills what is left.

    lines: what it has said so far
    """

    def __init__(self, folder: Path, out: Path, *words: str) -> None:
        self.events_path, self.scheduled = out / "events.jsonl", out / "scheduled.csv"
        self._command = [
            *(sys.executable, "-m", "cli", "accompany", str(folder / "score.mid"), "--input", "jack"),
            *("--events", str(self.events_path), "--scheduled", str(self.scheduled), *words),
        ]
        self.lines: list[str] = []
        self._tail: TextIO | None = None
        self._rest = ""
        self._events: dict[str, list[dict[str, Any]]] = {}
        self._played: list[str] = []

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.strip() for line in self.process.stdout)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.events("")
        if self._tail is not None:
            self._tail.close()

    def until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait for something; fail if the process ends before."""
        deadline = time.monotonic() + PATIENCE_S
        while not ready():
            assert self.process.poll() is None, f"ended before {what}: {self.lines}"
            assert time.monotonic() < deadline, f"no {what}: {self.lines}"
            time.sleep(0.02)

    def running(self) -> None:
        """Wait until its sound runs."""
        self.until(lambda: any(line.startswith("latency") for line in self.lines), "sound")

    def wire(self, server: JackServer, wires: tuple[tuple[str, str], ...] = WIRES) -> None:
        """Connect player and recorder, once it runs."""
        self.running()
        for source, target in wires:
            server.connect(source, target)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of a kind so far."""
        if self._tail is None and self.events_path.exists():
            self._tail = self.events_path.open(encoding="utf-8")
        if self._tail is not None and not self._tail.closed:
            *lines, self._rest = (self._rest + self._tail.read()).split("\n")
            for line in lines:
                event = json.loads(line)
                self._events.setdefault(event["type"], []).append(event)
                if event["type"] in ("note", "control"):
                    self._played.append(line)
        return self._events.get(kind, [])

    def played(self, sample_rate: int) -> list[Note | Control]:
        """What was played, in order."""
        events = [from_line(line, sample_rate) for line in self._played]
        return [event for event in events if isinstance(event, Note | Control)]

    @property
    def n_sounding(self) -> int:
        """How many notes have begun and not ended."""
        return sum(1 if note["active"] else -1 for note in self.events("note"))

    def processes(self) -> dict[str, int]:
        """The numbers of its processes, by what they do: main, engine, port and guard."""
        pid = self.process.pid
        found = {"main": pid}
        lists = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
        for child in sorted((child for each in lists for child in each), key=int):
            words = Path(f"/proc/{child}/cmdline").read_text()
            found["engine" if "engine_process" in words else "port" if "port" not in found else "guard"] = int(child)
        return found

    def stop(self) -> None:
        """End it by ctrl-C; it ends in order."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE_S)
        assert code == 0, (code, self.lines)
        self._reader.join(PATIENCE_S)


def sounding(messages: list[tuple[int, bytes]]) -> set[tuple[int, int]]:
    """The notes, as (channel, pitch), that sound after all messages."""
    found: set[tuple[int, int]] = set()
    for _, m in messages:
        if m[0] & 0xE0 == 0x80:
            (found.add if m[0] & 0xF0 == 0x90 and m[2] else found.discard)((m[0] & 15, m[1]))
    return found
