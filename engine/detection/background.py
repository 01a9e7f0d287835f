"""A slow network beside the audio path: its answers come a fixed number of turns later, from another thread."""

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
    """Each turn hands in arrays by name and gets the answer to the one of `delay` turns ago, zeros before the first.

    work: the slow function; its result is copied; delay: turns, 1 to 1,000; worker: who does the work, one at a time;
    None does it at once, which gives the very same answers on a clock that waits, as for a file. With a worker, an
    answer that is not there in time is replaced by the last one, and the newest question waits next: those between
    are dropped.
    """

    def __init__(
        self, work: Callable[[NetworkInputs], Array], shape: tuple[int, ...], delay: int, worker: Executor | None
    ):
        require("delay", delay, 1, 1000)
        self.work, self.delay, self._worker = work, delay, worker
        self._zeros = np.zeros(shape, np.float32)
        self.reset()

    def reset(self) -> None:
        """As newly built; waits for the work in hand, so that it cannot reach into what comes."""
        if isinstance(running := getattr(self, "_running", None), Future):
            running.exception()
        self._running: Future[Any] | None = None
        self._turn = 0
        self._waiting: tuple[int, NetworkInputs] | None = None
        self._answers: deque[tuple[int, Array]] = deque()
        self._last = self._zeros

    def turn(self, question: NetworkInputs) -> tuple[Array, bool]:
        """The due answer, and whether it is late: then it is the last one again."""
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
        """Take what the worker has finished, and give it what waits."""
        if self._running is not None:
            if not self._running.done():
                return
            self._answers.append(self._running.result())
        assert self._worker is not None
        assert self._waiting is not None
        number, question = self._waiting
        self._running = self._worker.submit(lambda: (number, self.work(question).copy()))
        self._waiting = None
