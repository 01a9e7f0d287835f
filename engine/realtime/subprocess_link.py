"""Start, control and end an engine process from the main process, and detect a lost device by a watchdog."""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from typing import Any

from engine.core.dying import is_dying
from engine.core.errors import DeviceError
from engine.realtime.messages import Job

__all__ = ["EngineProcess", "Watchdog"]

PERIODS = 3  # minimum number of missed callbacks before a device counts as disconnected
LOOK_S = 0.025  # seconds; a longer interval between two checks says more about this process than about the device
KILL_S = 1.0


class Watchdog:
    """Detect a disconnected device by a callback counter that does not change for `silence_s`.

    silence_s: seconds
    block_s: duration of a block, seconds; several must be missed
    """

    def __init__(self, silence_s: float, block_s: float) -> None:
        self._limit_s = max(silence_s, PERIODS * block_s)
        self._count, self._seen_s, self._quiet_s = -1, 0.0, 0.0

    def look(self, count: int, now_s: float) -> bool:
        """Check the counter value at `now_s`; return whether it has been unchanged for too long."""
        self._quiet_s += min(now_s - self._seen_s, LOOK_S)
        if count != self._count:
            self._quiet_s = 0.0
        self._count, self._seen_s = count, now_s
        return self._quiet_s > self._limit_s


class EngineProcess:
    """Control one engine process; keyboard signals do not reach it, and it exits by itself when this process dies."""

    def __init__(self, job: Job) -> None:
        run = "from engine.realtime.engine_process import run_engine_process; run_engine_process()"
        code = f"import sys; sys.path[:] = {sys.path!r}; {run}"
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            pass_fds=(job.memory,),
            process_group=0,
        )
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True, name="engine messages")
        self._listener.start()
        # A large job fills the pipe, and the engine reads it seconds later, when it has imported what it needs.
        threading.Thread(target=self.send, args=(job,), daemon=True, name="engine job").start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            while True:
                self._messages.put(pickle.load(self._process.stdout))
        except (EOFError, OSError, pickle.UnpicklingError, ValueError):
            return  # the process has exited

    def send(self, message: Any) -> None:
        """Send a message; if the engine has exited, `ended` reports it."""
        assert self._process.stdin is not None
        try:
            pickle.dump(message, self._process.stdin)
            self._process.stdin.flush()
        except (OSError, ValueError):  # or it has been ended here
            pass

    def receive(self) -> Any:
        """Return the next message, or None if there is none."""
        try:
            return self._messages.get_nowait()
        except queue.Empty:
            return None

    @property
    def ended(self) -> bool:
        """Return whether the process has exited and all its messages have been read."""
        return self._process.poll() is not None and not self._listener.is_alive()

    @property
    def dying(self) -> bool:
        """Return whether the process is being taken down."""
        return is_dying(self._process.pid)

    def crash(self) -> DeviceError:
        """Return the error of a process that exited without a message, as far as its last output tells the cause."""
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - 2000))
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        got = f"an exit ({self._process.returncode}): {lines[-1] if lines else 'without a word'}"
        return DeviceError("engine process", expected="sound", got=got, remedy="try `collaparte doctor`")

    def kill(self) -> None:
        """Kill the process, even if it hangs; what is left of it goes once the system has ended it."""
        if self._process.poll() is None:
            self._process.kill()
        try:
            self._process.wait(KILL_S)
        except subprocess.TimeoutExpired:  # on a busy machine, or in a driver, a killed process takes its time
            threading.Thread(target=self._bury, daemon=True, name="engine burial").start()
        else:
            self._bury()

    def _bury(self) -> None:
        self._process.wait()
        self._listener.join(KILL_S)
        for file in (self._process.stdin, self._process.stdout, self._stderr):
            if file is not None:
                file.close()
