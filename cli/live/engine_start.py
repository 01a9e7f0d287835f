"""Start an engine process, and find out which kernels it compiled instead of loading them from the cache."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from numba.core import config, event

__all__ = ["KernelStart", "is_writable", "start_engine"]

CHILD_TIMEOUT_S = 1800  # a busy machine compiles for many minutes
CHILD = "import sys; sys.path[:] = {path!r}; from cli.live.engine_start import main; main()"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelStart:
    """How an engine process started.

    seconds: of CPU time until it was ready
    n_compiled: kernels that were compiled, and not loaded from the cache
    wanted: folder that kernels are to be kept in; empty where numba chooses
    used: folder that they are kept in
    """

    seconds: float
    n_compiled: int
    wanted: str
    used: str


class Compiled(event.Listener):  # type: ignore[misc]
    """The names of all kernels that the compiler works at."""

    def __init__(self) -> None:
        self.names: set[tuple[str, str]] = set()

    def on_start(self, event: event.Event) -> None:
        """Note the kernel of a pass of the compiler, leaving out the helpers that numba makes for itself."""
        module, name = event.data["module"], event.data["qualname"]
        if module.split(".")[0] in ("engine", "offline"):
            self.names.add((module, name))

    def on_end(self, event: event.Event) -> None:
        """Do nothing."""


def start_engine() -> KernelStart:
    """Start a process that gets everything ready for live sound; CalledProcessError or TimeoutExpired if it cannot."""
    code = CHILD.format(path=sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=CHILD_TIMEOUT_S, check=True
    )
    return KernelStart(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print how this process started."""
    compiled = Compiled()
    event.register("numba:run_pass", compiled)
    from cli.live.warm import warm_kernels  # now, since callbacks are compiled when they are imported

    used = Path(warm_kernels())
    inside = bool(config.CACHE_DIR) and used.is_relative_to(config.CACHE_DIR)
    start = KernelStart(
        seconds=time.process_time(),
        n_compiled=len(compiled.names),
        wanted=config.CACHE_DIR,
        used=config.CACHE_DIR if inside else str(used),
    )
    print(json.dumps(asdict(start)))


def is_writable(folder: str) -> bool:
    """Whether a file can be written into a folder, which is made if it is not there."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
