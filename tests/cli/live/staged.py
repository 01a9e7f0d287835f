"""The command `stage` as a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.places import ROOT

LAST_S = 20.0  # a process that is asked to end and has not by then is broken


class StagedCommand:
    """`collaparte stage` with these arguments, on a port of its own, or on one given."""

    def __init__(self, *arguments: str | Path, port: int = 0, errors: IO[str] | None = None, module: str = "") -> None:
        start = ["-m", module] if module else ["-m", "cli", "stage"]
        words = [sys.executable, *start, *map(str, arguments), "--no-browser", "--port", str(port)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT)
        self.lines: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if found := re.search(r"page\S*?(?:, to (?:control|look on))?: (https?://\S+)", line):
                self.address = found[1]
                break
        else:
            raise AssertionError(f"no page: {self.lines}")

    @property
    def base(self) -> str:
        """The address without a token or a slash."""
        return self.address.partition("/enter")[0].rstrip("/")

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])

    def interrupt(self) -> int:
        """Ctrl-C; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(LAST_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def staged(*arguments: str | Path, port: int = 0, module: str = "") -> Iterator[StagedCommand]:
    """Run the command, or a module that takes its arguments; it ends, whatever happens."""
    command = StagedCommand(*arguments, port=port, module=module)
    try:
        yield command
    finally:
        command.kill()
