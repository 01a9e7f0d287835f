"""Run tasks on a Dask cluster: of this machine, or at the address of a scheduler (extra `cluster`).

Scheduler and workers are Dask's own, and so is what they do when a worker is lost: its tasks go to others. A task that
takes down more workers than the scheduler allows (`distributed.scheduler.allowed-failures`) is marked and left.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import dask
from distributed import Client, Future, LocalCluster, WorkerPlugin
from distributed.scheduler import KilledWorker

from engine.core.errors import ConfigError, EngineError
from offline.batch.runners.limits import BatchLimits
from offline.batch.runners.perform import perform_task
from offline.batch.runners.sent_files import SentFile, SentTask, files_to_send, received, sent_task
from offline.batch.task import BatchTask, Pulse, TaskReport, TaskStatus

__all__ = ["LOCAL_CLUSTER", "ClusterPool", "FilesPlugin", "perform_sent"]

LOCAL_CLUSTER = "local"
AHEAD = 4  # tasks that wait for each thread, so that none is ever idle
LOOK_S = 0.1
RETRIES = 2  # of what went wrong between machines
ALLOWED_FAILURES = 1  # workers that a task may take down besides the last, on a cluster of our own
CLOSE_S, STOP_S = 10.0, 0.2  # that a cluster may take to close, at its end and when the user stops it
SILENCE_S = 30.0  # without a scheduler that answers
REMEDY = "`collaparte batch retry` tries it again"
TRIES = 3  # of a task that Dask has lost
COUNT_S = 2.0  # between two counts of the workers


class FilesPlugin(WorkerPlugin):
    """Writes the files of a job on every worker, also on those that come later."""

    idempotent = True

    def __init__(self, name: str, files: list[SentFile], nice: int) -> None:
        self.name, self.files, self.nice = name, files, nice

    def setup(self, worker: Any) -> None:
        """Write them, and give way to other programs."""
        del worker
        for each in self.files:
            each.store()
        with suppress(OSError):
            os.nice(self.nice)


def perform_sent(sent: SentTask, limits: BatchLimits) -> TaskReport:
    """Perform a task in a worker, which ends itself if it takes too long."""

    def on_audio(seconds: float) -> None:
        if (longest_s := limits.longest_s(seconds)) != float("inf"):
            faulthandler.dump_traceback_later(longest_s, exit=True)

    on_audio(0.0)
    try:
        return perform_task(received(sent), Pulse(on_audio=on_audio))
    finally:
        faulthandler.cancel_dump_traceback_later()


@dataclass(slots=True)
class _Sent:
    """A task on its way."""

    task: BatchTask
    future: Future
    tries: int = 0


class ClusterPool:
    """Performs tasks on a cluster.

    address: of a scheduler, or LOCAL_CLUSTER
    say: told the address of Dask's dashboard
    clear: deletes what a process of this machine that was killed has left unfinished, given its number
    """

    def __init__(
        self,
        address: str,
        limits: BatchLimits,
        say: Callable[[str], object] = lambda text: None,
        clear: Callable[[int], object] = lambda pid: None,
    ) -> None:
        self.address, self.limits, self._say, self._clear = address, limits, say, clear
        self._over: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._sent: dict[str, _Sent] = {}
        self._suspects: list[BatchTask] | None = []
        self._files: list[SentFile] | None = None
        self._width, self._counted_s, self._heard_s = 1, 0.0, 0.0

    def run(self, tasks: Iterable[BatchTask], stop: threading.Event) -> Iterator[TaskReport]:
        """Yield what became of each task, as it comes; nothing of those that the user stopped.

        ConfigError if there is no scheduler; EngineError if the job cannot begin, or the scheduler is gone.
        """
        left = iter(tasks)
        with self._client(stop) as client:
            self._say(f"dashboard of the cluster: {client.dashboard_link}")
            while not stop.is_set():
                while len(self._sent) < self._room(client) and (task := next(left, None)) is not None:
                    yield from self._send(client, task)
                if not self._sent:
                    break
                yield from self._answered(client)
            yield from self._alone(client, stop)

    def _alone(self, client: Client, stop: threading.Event) -> Iterator[TaskReport]:
        """Try once more, one at a time, what workers have died of: others were on the same workers."""
        suspects, self._suspects = self._suspects, None
        for task in suspects or ():
            yield from self._send(client, task)
            while self._sent and not stop.is_set():
                yield from self._answered(client)

    def _room(self, client: Client) -> int:
        """How many tasks may be on their way: workers may come and go."""
        now = time.monotonic()
        if now - self._counted_s > COUNT_S:
            self._counted_s = now
            self._width = AHEAD * max(1, sum(client.nthreads().values()))
        return self._width

    @contextmanager
    def _client(self, stop: threading.Event) -> Iterator[Client]:
        with ExitStack() as stack:
            stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": ALLOWED_FAILURES}))
            address: Any = self.address
            if self.address == LOCAL_CLUSTER:
                address = stack.enter_context(self._local(stop))
            try:
                client = Client(address, timeout=10, set_as_default=False)
            except (OSError, ValueError) as error:
                remedy = "start one with: dask scheduler"
                raise ConfigError("--cluster", expected="a Dask scheduler", got=str(error), remedy=remedy) from error
            try:
                yield client
            finally:
                client.cancel([each.future for each in self._sent.values()], force=True)
                with suppress(TimeoutError):
                    client.close(STOP_S if stop.is_set() else CLOSE_S)

    @contextmanager
    def _local(self, stop: threading.Event) -> Iterator[LocalCluster]:
        cluster = LocalCluster(
            n_workers=self.limits.n_workers,
            threads_per_worker=1,
            memory_limit=self.limits.n_bytes,
            dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
        )
        try:
            yield cluster
        finally:
            if stop.is_set():
                self._kill()
            with suppress(TimeoutError, AssertionError):  # a nanny asserts where its worker has ended while it began
                cluster.close(STOP_S if stop.is_set() else CLOSE_S)
            self._kill()

    def _kill(self) -> None:
        """Kill the workers of this machine, which would finish their tasks first."""
        for process in multiprocessing.active_children():
            process.kill()
            process.join()
            self._clear(process.pid or 0)

    def _send(self, client: Client, task: BatchTask, tries: int = 0) -> Iterator[TaskReport]:
        """Hand a task to the scheduler; yield a report only if that fails."""
        if self._files is None:
            self._files = files_to_send(task.job)
            client.register_plugin(FilesPlugin(f"collaparte-{task.fingerprint}", self._files, self._nice))
        try:
            sent = sent_task(task, self._files)
        except EngineError as error:
            yield TaskReport(task.item.key, task.item.name, TaskStatus.FAILED, str(error))
            return
        future = client.submit(perform_sent, sent, self.limits, pure=False, retries=RETRIES)
        self._sent[str(future.key)] = _Sent(task, future, tries)
        future.add_done_callback(self._note)

    @property
    def _nice(self) -> int:
        return self.limits.nice if self.address == LOCAL_CLUSTER else 0

    def _note(self, future: Future) -> None:
        self._over.put(str(future.key))

    def _answered(self, client: Client) -> Iterator[TaskReport]:
        """Wait a moment for an answer; yield what became of its task."""
        try:
            key = self._over.get(timeout=LOOK_S)
        except queue.Empty:
            self._require_scheduler(client)
            return
        if (sent := self._sent.pop(key, None)) is None:
            return
        if sent.future.status == "finished":
            yield sent.future.result().usable()
        elif sent.future.status in ("cancelled", "lost") and sent.tries < TRIES:
            yield from self._send(client, sent.task, sent.tries + 1)
        elif self._suspects is not None and _is_killed(sent.future):
            self._suspects.append(sent.task)
        else:
            yield _lost(sent.task, sent.future)

    def _require_scheduler(self, client: Client) -> None:
        now = time.monotonic()
        if client.status == "running" or not self._heard_s:
            self._heard_s = now
        elif now - self._heard_s > SILENCE_S or client.status == "closed":
            remedy = "start it again, then give the same command: what is done is kept"
            raise EngineError(self.address, expected="a scheduler", got="none that answers", remedy=remedy)


def _lost(task: BatchTask, future: Future) -> TaskReport:
    """What is said of a task that has no result."""
    item, killed = task.item, _is_killed(future)
    error = future.exception() if future.status == "error" else future.status
    got = "the death of every worker that tried" if killed else f"{type(error).__name__}: {error}"[:200]
    line = EngineError(item.about, expected="a recording that its worker survives", got=got, remedy=REMEDY)
    return TaskReport(item.key, item.name, TaskStatus.KILLED if killed else TaskStatus.FAILED, str(line))


def _is_killed(future: Future) -> bool:
    return future.status == "error" and isinstance(future.exception(), KilledWorker)
