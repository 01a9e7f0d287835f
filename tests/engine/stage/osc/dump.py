"""liblo's oscdump: what another program understands of our messages."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from tests.stage_tools import free_udp_port, needs_tool

__all__ = ["OscDump", "osc_dump"]


class OscDump:
    """A running oscdump."""

    def __init__(self, port: int, lines: IO[str]) -> None:
        self.port, self._lines = port, lines

    def until(self, text: str) -> list[str]:
        """The lines up to the first that contains a text, that one included, without their times."""
        lines: list[str] = []
        while not lines or text not in lines[-1]:
            line = self._lines.readline()
            assert line, f"oscdump ended before {text!r}"
            lines.append(line.split(" ", 1)[1].rstrip())
        return lines


@contextmanager
def osc_dump() -> Iterator[OscDump]:
    """Run oscdump on a free port; it listens once this is entered."""
    tool, port = needs_tool("oscdump", "liblo-tools"), free_udp_port()
    process = subprocess.Popen([tool, "-L", str(port)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        _await_listening(port)
        yield OscDump(port, process.stdout)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _await_listening(port: int) -> None:
    """Wait until the port is bound."""
    while f":{port:04X} " not in _bound():
        pass


def _bound() -> str:
    with open("/proc/net/udp") as four, open("/proc/net/udp6") as six:
        return four.read() + six.read()
