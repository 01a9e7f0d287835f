"""A session in a thread, for tests that do something to it while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from engine.core.events import Event
from engine.realtime.session import Session, SessionConfig, SessionReport, SessionStatus

PATIENCE_S = 600.0  # a cold numba cache compiles for long, longer yet on a busy machine


class Live:
    """Start with `with`; leaving stops it. Whatever the session raises is raised by `stop`."""

    def __init__(self, config: SessionConfig) -> None:
        self.session = Session(config)
        self.events: list[Event] = []
        self.statuses: list[SessionStatus] = []
        self.messages: list[str] = []
        self._stop = threading.Event()
        self._report: SessionReport | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._report = self.session.run(self.events.append, self._note, self._stop)
        except BaseException as error:
            self._error = error

    def _note(self, status: SessionStatus) -> None:
        self.statuses.append(status)
        if status.message:
            self.messages.append(status.message)

    @property
    def now(self) -> SessionStatus:
        """The latest status."""
        return self.statuses[-1]

    def wait(self, ready: Callable[[], bool], what: str) -> None:
        """Wait until something is so; fail if the session ends before."""
        deadline = time.monotonic() + PATIENCE_S
        while not ready():
            if self._error is not None:
                raise self._error
            assert self._thread.is_alive() or ready(), f"the session ended before {what}"
            assert time.monotonic() < deadline, f"no {what}: {self.messages}"
            time.sleep(0.01)

    def running(self, n_samples: int = 1) -> None:
        """Wait until so many samples more have gone through."""
        start = self.now.now if self.statuses and self.now.state == "running" else 0
        self.wait(lambda: self.now.state == "running" and self.now.now >= start + n_samples, "sound")

    def ended(self) -> SessionReport:
        """Wait for the session's own end."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the session hangs"
        if self._error is not None:
            raise self._error
        assert self._report is not None
        return self._report

    def stop(self) -> SessionReport:
        """Ask it to end; that may not take long."""
        self._stop.set()
        self._thread.join(5)
        return self.ended()

    def __enter__(self) -> Self:
        self._thread.start()
        self.wait(lambda: bool(self.statuses), "status")
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(5)
