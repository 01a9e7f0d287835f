"""Memory and open files of every process of the sessions, as time goes on."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

from tests.soak.helpers import Command

__all__ = ["LEAST_LIFE_S", "Meters", "ProcessLife"]

LEAST_LIFE_S = 90.0  # of a process of which a trend can be told
WARM_S = 45.0  # in which caches fill and rings are used for the first time
WARM, PART = 0.3, 0.15  # of a life
N_SAMPLES = 1000


@dataclass(slots=True)
class ProcessLife:
    """What one process held.

    rows: seconds on the monotonic clock, megabytes, open files
    """

    command: str
    kind: str
    pid: int
    rows: list[tuple[float, float, int]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it was watched."""
        return self.rows[-1][0] - self.rows[0][0]

    def _level(self, column: int, begin_s: float) -> float:
        """The median of a part of its life."""
        at, end_s = self.rows[0][0], begin_s + PART * self.seconds
        return statistics.median([row[column] for row in self.rows if begin_s <= row[0] - at <= end_s])

    def growth(self, column: int) -> float:
        """From the time when it was warm to its end."""
        last = self._level(column, (1 - PART) * self.seconds)
        return last - self._level(column, max(WARM_S, WARM * self.seconds))

    @property
    def peak_mb(self) -> float:
        """The most memory."""
        return max(row[1] for row in self.rows)


class Meters:
    """Looks at all processes at intervals, in a thread."""

    def __init__(self, commands: Sequence[Command], seconds: float) -> None:
        self._commands, self._nap_s = commands, max(1.0, seconds / N_SAMPLES)
        self.lives: dict[tuple[str, int], ProcessLife] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(self._nap_s):
            for command in self._commands:
                try:
                    main = psutil.Process(command.process.pid)
                except psutil.Error:
                    continue
                for kind, process in [("main", main), *command.children()]:
                    self._look(command.name, kind, process)

    def _look(self, command: str, kind: str, process: psutil.Process) -> None:
        try:
            row = (time.monotonic(), process.memory_info().rss / 2**20, process.num_fds())
        except psutil.Error:
            return
        life = self.lives.setdefault((command, process.pid), ProcessLife(command, kind, process.pid))
        life.rows.append(row)

    def stop(self) -> list[ProcessLife]:
        """End, and return those lives that tell something."""
        self._over.set()
        self._thread.join()
        return [life for life in self.lives.values() if len(life.rows) > 9 and life.seconds >= LEAST_LIFE_S]
