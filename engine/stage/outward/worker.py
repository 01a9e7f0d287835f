"""Do slow things, such as network requests, one after another in a thread of its own: never block whoever asks."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from engine.core.config import Settings, ranged

__all__ = ["Patience", "Worker"]

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience(Settings):
    """How long to try."""

    room: int = ranged(1000, 1, 1_000_000, "jobs that may wait; what comes then is lost, and told")
    tries: int = ranged(6, 1, 100, "attempts at each job")
    first_s: float = ranged(0.5, 0.001, 60, "wait before the second attempt; doubled before each further", unit="s")
    longest_s: float = ranged(30.0, 0.001, 3600, "longest wait between attempts", unit="s")
    close_s: float = ranged(0.7, 0, 60, "time for what waits when all ends", unit="s")


@dataclass(slots=True)
class _Job:
    what: str
    do: Callable[[], None]


class Worker:
    """Do jobs in order; a job that raises OSError is tried again with growing waits, then given up, in one line.

    name: of the thread
    say: prints one line
    """

    def __init__(self, name: str, patience: Patience, say: Say) -> None:
        self.patience, self._say = patience, say
        self._jobs: deque[_Job] = deque()
        self._awake = threading.Condition()
        self._closing = self._busy = False
        self.n_lost = self.n_done = self.n_given_up = 0
        self._failing = ""  # the last failure that was told
        self._thread = threading.Thread(target=self._run, daemon=True, name=name)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Return that the last attempt failed, and how many jobs wait; empty where it did not."""
        if not self._failing:
            return ""
        return f"no answer, {len(self._jobs) + self._busy} waiting"

    def put(self, what: str, do: Callable[[], None]) -> None:
        """Have a job done; return at once. Where too many wait already, it is lost, and told once."""
        with self._awake:
            full = self._closing or len(self._jobs) >= self.patience.room
            if not full:
                self._jobs.append(_Job(what, do))
                self._awake.notify()
                return
            first = not self.n_lost
            self.n_lost += 1
        if first and not self._closing:
            self._say(f"{what}: {self.patience.room} wait already; more are lost")

    def _run(self) -> None:
        while (job := self._next()) is not None:
            self._do(job)
            with self._awake:
                self._busy = False
                self._awake.notify_all()

    def _next(self) -> _Job | None:
        with self._awake:
            while not self._jobs:
                if self._closing:
                    return None
                self._awake.wait()
            self._busy = True
            return self._jobs.popleft()

    def _do(self, job: _Job) -> None:
        wait_s = self.patience.first_s
        for attempt in range(self.patience.tries):
            if attempt and not self._wait(wait_s if attempt == 1 else (wait_s := min(2 * wait_s, self._longest))):
                break
            try:
                job.do()
            except OSError as error:
                self._failed(f"{job.what}: {error}", again=attempt + 1 < self.patience.tries)
            else:
                self._succeeded(job.what)
                return
        self.n_given_up += 1

    @property
    def _longest(self) -> float:
        return self.patience.longest_s

    def _wait(self, seconds: float) -> bool:
        """Wait, unless all ends; return whether to go on."""
        with self._awake:
            self._awake.wait_for(lambda: self._closing, seconds)
            return not self._closing

    def _failed(self, line: str, *, again: bool) -> None:
        """Tell a failure, the same only once for each stage."""
        line = " ".join(line.split()) + ("; trying again" if again else "; given up")
        if line != self._failing:
            self._failing = line
            self._say(line)

    def _succeeded(self, what: str) -> None:
        self.n_done += 1
        if self._failing:
            self._failing = ""
            self._say(f"{what}: works again")

    def close(self) -> None:
        """Give what waits a little time, then end; tell what was not done."""
        end_s = time.monotonic() + self.patience.close_s
        with self._awake:
            self._awake.wait_for(lambda: not (self._jobs or self._busy) or bool(self._failing), self.patience.close_s)
            self._closing = True
            left = len(self._jobs) + self._busy
            what = self._jobs[0].what if self._jobs else ""
            self._jobs.clear()
            self._awake.notify_all()
        self._thread.join(max(end_s - time.monotonic(), 0.05))
        if left:
            self._say(f"{what or 'the last request'}: {left} not sent at the end")
