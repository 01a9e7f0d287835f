"""Run a slow network on another thread beside the audio path, with its results a fixed number of turns late."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.config import require

__all__ = ["BackgroundNode", "NetworkInputs"]

Array = npt.NDArray[np.float32]
NetworkInputs = Mapping[str, Array]


class BackgroundNode:
    """Take inputs by name each turn, return the result for the inputs of `delay` turns ago, zeros before the first.

    work: the slow function; its result is copied
    shape: of a result
    delay: turns, 1 to 1,000
    worker: executor that runs the work, one call at a time; None runs it at once

    Without a worker the results are identical, on a clock that waits, as for a file. With a worker, a result that is
    not ready in time is replaced by the previous one, and the newest input is run next: those in between are dropped.
    """

    def __init__(
        self, work: Callable[[NetworkInputs], Array], shape: tuple[int, ...], delay: int, worker: Executor | None
    ):
        require("delay", delay, 1, 1000)
        self.work, self.delay, self._worker = work, delay, worker
        self._zeros = np.zeros(shape, np.float32)
        self.reset()

    def reset(self) -> None:
        """Reset to the initial state; waits for the running work, so that its result cannot reach the next stream."""
        if isinstance(running := getattr(self, "_running", None), Future):
            running.exception()
        self._running: Future[Any] | None = None
        self._turn = 0
        self._waiting: tuple[int, NetworkInputs] | None = None
        self._answers: deque[tuple[int, Array]] = deque()
        self._last = self._zeros

    def turn(self, question: NetworkInputs) -> tuple[Array, bool]:
        """Return the due result, and whether it is late: then it is the previous one again."""
        self._hand_in(question)
        due = self._turn - self.delay
        self._turn += 1
        while self._answers and self._answers[0][0] <= due:
            number, self._last = self._answers.popleft()
            if number == due:
                return self._last, False
        return self._last, due >= 0

    def _hand_in(self, question: NetworkInputs) -> None:
        if self._worker is None:
            self._answers.append((self._turn, self.work(question).copy()))
            return
        self._waiting = self._turn, {name: value.copy() for name, value in question.items()}
        self._collect()

    def _collect(self) -> None:
        """Take the finished result of the worker, and start the pending input."""
        if self._running is not None:
            if not self._running.done():
                return
            self._answers.append(self._running.result())
        assert self._worker is not None
        assert self._waiting is not None
        number, question = self._waiting
        self._running = self._worker.submit(lambda: (number, self.work(question).copy()))
        self._waiting = None
