"""A JACK server without a sound card, as tests and benchmarks need it, under a name of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self


class JackServer:
    """`jackd -d dummy`; `with` starts and stops it. Everything started meanwhile finds it by the environment."""

    def __init__(self, *, rate: int = 48000, period: int = 512, realtime: bool = False) -> None:
        self.name = f"colla{uuid.uuid4().hex[:8]}"
        self.rate, self.period, self.realtime = rate, period, realtime
        self.process: subprocess.Popen[bytes] | None = None
        self._before: dict[str, str | None] = {}

    @staticmethod
    def missing() -> str:
        """Why there can be no server here, or empty."""
        lacks = [tool for tool in ("jackd", "jack_wait", "jack_lsp") if shutil.which(tool) is None]
        return f"{' and '.join(lacks)} not installed (Debian: apt install jackd2)" if lacks else ""

    def start(self) -> None:
        """Start, and wait until clients can come."""
        if not self._comes_up():
            self.kill()
            _forget_the_dead()
            if not self._comes_up():
                raise TimeoutError(f"no JACK server {self.name}")

    def _comes_up(self) -> bool:
        kind = ["-R", "-P", "70"] if self.realtime else ["-r"]
        self.process = subprocess.Popen(
            ["jackd", "-n", self.name, *kind, "-d", "dummy", "-r", str(self.rate), "-p", str(self.period)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait = ["jack_wait", "-s", self.name, "-w", "-t", "10"]
        return subprocess.run(wait, check=False, capture_output=True).returncode == 0

    def kill(self) -> None:
        """End it without warning."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None

    def stop(self) -> None:
        """End it in order; one that was killed is started once more for that, or its place of 8 stays taken."""
        if self.process is None:
            self.start()
        assert self.process is not None
        self.process.terminate()
        self.process.wait(10)
        self.process = None
        for left in Path("/dev/shm").glob(f"jack_*{self.name}*"):  # semaphores of clients that were killed with it
            left.unlink(missing_ok=True)

    def set_period(self, period: int) -> None:
        """Change the block while it runs."""
        subprocess.run(["jack_bufsize", str(period)], check=True, stdout=subprocess.DEVNULL)

    def connect(self, source: str, target: str, *, within_s: float = 60.0) -> None:
        """Connect two ports as soon as both are there."""
        deadline = time.monotonic() + within_s
        while subprocess.run(["jack_connect", source, target], capture_output=True, check=False).returncode:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{source} -> {target}")
            time.sleep(0.05)

    def __enter__(self) -> Self:
        environment = {
            "JACK_DEFAULT_SERVER": self.name,
            "JACK_NO_START_SERVER": "1",
            "JACK_NO_AUDIO_RESERVATION": "1",
        }
        self._before = {name: os.environ.get(name) for name in environment}
        os.environ.update(environment)
        self.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        for name, value in self._before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _forget_the_dead() -> None:
    """Clear JACK's memory of servers and clients that were killed, which keeps new ones out; not while one runs."""
    if subprocess.run(["pgrep", "-x", "jackd"], capture_output=True, check=False).returncode:
        shutil.rmtree(f"/dev/shm/jack_db-{os.getuid()}", ignore_errors=True)
        for left in Path("/dev/shm").glob("jack-*"):
            left.unlink(missing_ok=True)
