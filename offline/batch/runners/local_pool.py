"""Run tasks in processes of this machine, none of which can spoil the batch.

Each worker is a pool of one process, so that a process that dies tells which file killed it. That file is tried once
more at the end, alone; if it kills again, it is marked and left. A worker that outgrows its memory or its time is
killed by the parent, which looks every 50 ms.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from engine.core.errors import EngineError
from offline.batch.runners.limits import BatchLimits
from offline.batch.runners.perform import perform_task
from offline.batch.task import BatchTask, Pulse, TaskReport, TaskStatus

__all__ = ["LocalPool"]

LOOK_S = 0.05  # between two looks at memory, time and the user's wish to stop
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
PR_SET_PDEATHSIG = 1  # linux/prctl.h
BEGUN_S, AUDIO_S = 0, 1  # what a worker tells in shared memory: when its task began, and how long the recording is
START_S = 600.0  # that a process may take to start
PAGE = os.sysconf("SC_PAGE_SIZE")
REMEDY = "`collaparte batch retry` tries it again, with other --memory, --timeout or --timeout-factor"

_told: Any = None  # in a worker: that memory


def begin_worker(told: Any, nice: int, parent: int) -> None:
    """Make this process a worker: nice, deaf to ctrl-C, gone when its parent is gone."""
    global _told  # noqa: PLW0603 one worker a process
    _told = told
    atexit.register(os._exit, 0)  # to take all modules and kernels apart one by one would take as long as a task
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with suppress(OSError):
        os.nice(nice)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent:
            os._exit(1)


def work_here(task: BatchTask) -> TaskReport:
    """Perform a task in a worker."""
    _told[BEGUN_S] = time.monotonic()  # one clock for all processes
    return perform_task(task, Pulse(on_audio=_tell_audio))


def _tell_audio(seconds: float) -> None:
    _told[AUDIO_S] = seconds


class _Worker:
    """One process, and the task that it has."""

    task: BatchTask
    future: Future[TaskReport]

    def __init__(self, limits: BatchLimits) -> None:
        self.limits = limits
        self.verdict, self.pid = "", 0
        self._executor: ProcessPoolExecutor | None = None
        self._processes: list[Any] = []

    def give(self, task: BatchTask) -> None:
        """Begin a task, in a new process if the last has died."""
        executor = self._executor or self._started()
        self._told[:] = (0.0, 0.0)
        self.task, self.verdict, self._given_s = task, "", time.monotonic()
        with _deaf_to_ctrl_c():
            self.future = executor.submit(work_here, task)
        self._processes = list(executor._processes.values())  # public only from 3.14 on
        self.pid = self._processes[0].pid

    def _started(self) -> ProcessPoolExecutor:
        context = get_context("spawn")
        self._told = context.Array("d", 2, lock=False)
        begin = (self._told, self.limits.nice, os.getpid())
        self._executor = ProcessPoolExecutor(1, mp_context=context, initializer=begin_worker, initargs=begin)
        return self._executor

    def look(self) -> None:
        """Kill the process if it has taken more than it may."""
        begun_s, audio_s = self._told
        since_s, longest_s = (begun_s, self.limits.longest_s(audio_s)) if begun_s else (self._given_s, START_S)
        if self.verdict:
            return
        if time.monotonic() - since_s > longest_s:
            self.verdict = f"no result after {longest_s:.3g} s"
            self.kill()
        elif (held := _bytes_of(self.pid)) > self.limits.n_bytes:
            self.verdict = f"{held / 1e9:.3g} GB of memory, more than the {self.limits.n_bytes / 1e9:.3g} GB allowed"
            self.kill()

    def kill(self) -> None:
        """Kill the process, also one that has not begun yet."""
        for process in self._processes:
            process.kill()

    def result(self) -> TaskReport | None:
        """Return what became of the task; None if the process has died of it."""
        try:
            return self.future.result()
        except BrokenProcessPool:
            self.end()
            codes = [process.exitcode for process in self._processes]
            self.verdict = self.verdict or f"its death{_signal_name(codes[0])}"
            return None

    def dismiss(self) -> None:
        """Ask the process to leave."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

    def end(self) -> None:
        """Wait until the process is gone."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None


def _signal_name(code: int | None) -> str:
    """What a process died of."""
    with suppress(ValueError):
        return f" ({signal.Signals(-code).name})" if code is not None and code < 0 else ""
    return ""


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """A process that is started in here does not get ctrl-C while it starts: the parent ends it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _bytes_of(pid: int) -> int:
    """Bytes that a process holds; 0 where the system does not tell."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE
    return 0


def _is_cold() -> bool:
    """Whether no kernel is kept yet: then the first task compiles them for all."""
    folder = Path(os.environ.get("NUMBA_CACHE_DIR", ""))
    return folder.name != "" and next(folder.rglob("*.nbi"), None) is None


class LocalPool:
    """Performs tasks in processes.

    clear: deletes what a process that was killed has left unfinished, given its number
    """

    def __init__(self, limits: BatchLimits, clear: Callable[[int], object] = lambda pid: None) -> None:
        self.limits, self._clear = limits, clear
        self._busy: list[_Worker] = []
        self._idle: list[_Worker] = []
        self._suspects: list[BatchTask] = []

    def run(self, tasks: Iterable[BatchTask], stop: threading.Event) -> Iterator[TaskReport]:
        """Yield what became of each task, as it comes; nothing of those that the user stopped.

        EngineError if the job cannot begin.
        """
        for name in ONE_THREAD:
            os.environ.setdefault(name, "1")  # workers inherit it
        try:
            yield from self._side_by_side(iter(tasks), stop)
            self._end_idle()
            for task in self._suspects:
                if stop.is_set():
                    return
                yield from self._alone(task, stop)
        finally:
            self._end()

    def _side_by_side(self, left: Iterator[BatchTask], stop: threading.Event) -> Iterator[TaskReport]:
        n_workers = 1 if _is_cold() else self.limits.n_workers
        while not stop.is_set():
            while len(self._busy) < n_workers and (task := next(left, None)) is not None:
                self._give(task)
            if not self._busy:
                return
            for worker in self._answered():
                n_workers = self.limits.n_workers
                report = worker.result()
                if report is None:
                    self._bury(worker)
                else:
                    self._idle.append(worker)
                    yield report.usable()

    def _give(self, task: BatchTask) -> None:
        worker = self._idle.pop() if self._idle else _Worker(self.limits)
        self._busy.append(worker)
        worker.give(task)

    def _answered(self) -> list[_Worker]:
        """Wait a moment; those whose task is over, one way or the other."""
        wait([worker.future for worker in self._busy], LOOK_S, FIRST_COMPLETED)
        over = [worker for worker in self._busy if worker.future.done()]
        self._busy = [worker for worker in self._busy if worker not in over]
        for worker in self._busy:
            worker.look()
        return over

    def _bury(self, worker: _Worker) -> None:
        """Delete what a dead worker has left; its task is a suspect."""
        self._clear(worker.pid)
        self._suspects.append(worker.task)

    def _alone(self, task: BatchTask, stop: threading.Event) -> Iterator[TaskReport]:
        """Try once more what a worker has died of; if it kills again, that is what became of it."""
        self._give(task)
        while self._busy and not stop.is_set():
            for worker in self._answered():
                report = worker.result()
                if report is None:
                    self._clear(worker.pid)
                    report = _killed(task, worker.verdict)
                else:
                    self._idle.append(worker)
                yield report.usable()

    def _end(self) -> None:
        for worker in self._busy:
            worker.kill()
        self._end_idle()
        for worker in self._busy:
            worker.end()
            self._clear(worker.pid)
        self._busy = []

    def _end_idle(self) -> None:
        """Let all leave at once, and wait for them."""
        for worker in self._idle:
            worker.dismiss()
        for worker in self._idle:
            worker.end()
        self._idle = []


def _killed(task: BatchTask, verdict: str) -> TaskReport:
    item = task.item
    error = EngineError(item.about, expected="a recording that its process survives", got=verdict, remedy=REMEDY)
    return TaskReport(item.key, item.name, TaskStatus.KILLED, str(error))
