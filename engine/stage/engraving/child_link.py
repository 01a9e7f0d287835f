"""The session's end of the link to an engraving process."""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from engine.stage.engraving.messages import Doing, FinishedPage, Request, Unengraved

__all__ = ["ChildEnded", "EngravingLink", "Progress"]

Progress = Callable[[float, str], None]  # fraction of the work from 0 to 1, and what is being done

TICK_S = 0.1
KILL_S = 1.0
LONGEST_S = 600.0  # for one request: 63 pages take a minute on the slowest machine


class ChildEnded(Exception):
    """The engraving process has ended before it answered; the text says how."""


class EngravingLink:
    """One engraving process: one request at a time; pages that come by themselves go to `on_page`.

    Keyboard signals do not reach the process, and it ends by itself when this process dies.
    """

    def __init__(self, on_page: Callable[[FinishedPage], None]) -> None:
        run = "from engine.stage.engraving.child import run_engraving_child; run_engraving_child()"
        code = f"import sys; sys.path[:] = {sys.path!r}; {run}"
        options: dict[str, Any] = {"process_group": 0} if sys.platform != "win32" else {}
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, **options
        )
        self._on_page = on_page
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True, name="engraver's answers")
        self._listener.start()

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with suppress(EOFError, OSError, ValueError, pickle.UnpicklingError):
            while True:
                message = pickle.load(self._process.stdout)
                if isinstance(message, FinishedPage):
                    self._on_page(message)
                if not isinstance(message, FinishedPage) or message.asked:
                    self._answers.put(message)
        self._answers.put(ChildEnded(self._last_words()))

    def ask(self, request: Request, kind: type, on_progress: Progress | None = None) -> Any:
        """Send a request and return its answer, of this kind.

        Raises EngineError if it cannot be done, ChildEnded if the process ends.
        """
        assert self._process.stdin is not None
        try:
            pickle.dump(request, self._process.stdin)
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise ChildEnded(self._last_words()) from error
        return self._answer(kind, on_progress)

    def _answer(self, kind: type, on_progress: Progress | None) -> Any:
        doing, since = Doing("starting", 0.0, 0.0, 1.0), time.monotonic()
        begun = since
        while True:
            with suppress(queue.Empty):
                message = self._answers.get(timeout=TICK_S)
                if isinstance(message, kind):
                    return message
                if isinstance(message, Unengraved):
                    raise message.error
                if isinstance(message, ChildEnded):
                    raise message
                if isinstance(message, Doing):
                    doing, since = message, time.monotonic()
            if on_progress is not None:
                on_progress(_fraction(doing, time.monotonic() - since), doing.what)
            if time.monotonic() - begun > LONGEST_S:
                self.kill()

    def _last_words(self) -> str:
        with suppress(OSError, ValueError, subprocess.TimeoutExpired):
            self._process.wait(KILL_S)
            self._stderr.seek(0, os.SEEK_END)
            self._stderr.seek(max(0, self._stderr.tell() - 2000))
            lines = self._stderr.read().decode(errors="replace").strip().splitlines()
            return f"an exit ({self._process.returncode}): {lines[-1] if lines else 'without a word'}"
        return "an end"

    def kill(self) -> None:
        """End the process at once, whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_S)

    def close(self) -> None:
        """End the process and give back what it held."""
        self.kill()
        self._listener.join(KILL_S)
        for file in (self._process.stdin, self._process.stdout, self._stderr):
            if file is not None:
                with suppress(OSError):
                    file.close()


def _fraction(doing: Doing, elapsed_s: float) -> float:
    """Return how far the work is: near the end of what is being done, ever more slowly."""
    share = elapsed_s / (elapsed_s + max(doing.expected_s, TICK_S) / 2)
    return doing.start + (doing.stop - doing.start) * share
