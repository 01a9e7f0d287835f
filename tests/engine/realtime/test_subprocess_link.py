"""The link to the engine's process, without sound."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading

from engine.realtime.subprocess_link import EngineProcess
from tests.soak.helpers import await_that


def test_a_killed_process_that_takes_its_time_ends_no_session() -> None:
    """As on a machine where nothing gets its turn within a second."""
    waits = [sys.executable, "-c", "import time; print('there', flush=True); time.sleep(600)"]
    process = subprocess.Popen(waits, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    wait, asked = process.wait, []

    def slow(timeout: float | None = None) -> int:
        asked.append(timeout)
        if timeout is not None:
            raise subprocess.TimeoutExpired("engine", timeout)
        return wait()

    process.wait = slow  # type: ignore[method-assign]
    engine = object.__new__(EngineProcess)
    engine._process, engine._stderr = process, tempfile.TemporaryFile()  # noqa: SIM115
    engine._listener = threading.Thread(target=process.stdout.read, daemon=True)
    engine._listener.start()
    engine.kill()
    await_that(lambda: engine._stderr.closed, "what it held is given back")
    assert asked[0] is not None and process.returncode is not None
