"""Everything on at once: two sessions on one JACK server, a soloist, receivers, clients of the page, members of Link.

An accompaniment allows no separation beside it, so `stage` follows, accompanies and shows, and `run` follows,
separates, detects and records.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from engine.stage.osc.packing import osc_message
from tests.jack_server import JackServer
from tests.soak.disks import SmallDisk
from tests.soak.helpers import Command, Helper, await_that
from tests.soak.music import RATE, soloist, write_duo
from tests.stage_tools import free_udp_port

__all__ = ["PORTS", "SoakScene"]

PERIOD = 1024
PORTS = ("Orchestra:out", "Clock:out", "Code:out")
LINK_OTHERS = "Ableton Link: [1-9]"  # what is said once there is another member
LOOK_S = 0.05
MUCH = 1 << 16


class SoakScene:
    """Start with `with`; leaving ends all processes.

    orders: how often both sessions were told that the soloist begins anew
    osc: when the last message came, and how many
    """

    def __init__(self, folder: Path, minutes: float) -> None:
        self.folder, self._minutes = folder, minutes
        self._stack = ExitStack()
        self._over = threading.Event()
        self.n_osc, self.osc_s, self.orders = 0, 0.0, 0

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _begin(self) -> None:
        score = write_duo(self.folder)
        np.save(self.folder / "solo.npy", soloist(score))
        self.disk = SmallDisk(self.folder, self._minutes)
        self._stack.callback(self.disk.close)
        self.server = self._stack.enter_context(JackServer(rate=RATE, period=PERIOD, realtime=True))
        self.player = self._helper("player", str(self.folder / "solo.npy"))
        await_that(lambda: bool(self.player.of("back")), "the soloist")
        self._listen()
        ports = [free_udp_port() for _ in range(2)]
        self.stage = self._command("stage", *self._stage_words(score, ports[0]))
        self.run = self._command("run", *self._run_words(score, ports[1]))
        self.ear = self._helper("ear", *PORTS)
        self._orders_to = [("127.0.0.1", port) for port in ports]
        self._thread(self._order)
        await_that(lambda: all(self._running()), "positions of both sessions", 600)
        self.pages = self._helper("pages", self.base)
        self.band = self._helper("band")
        await_that(lambda: self.stage.said(LINK_OTHERS) > 0, "another member of the Link session")

    def _running(self) -> list[bool]:
        return [command.running() for command in self.commands]

    @property
    def commands(self) -> tuple[Command, Command]:
        """Both sessions."""
        return self.stage, self.run

    @property
    def base(self) -> str:
        """Where the page is."""
        found = [m[1] for _, line in self.stage.lines if (m := re.search(r"page: (http://[^/\s]+)", line))]
        return found[0]

    def _stage_words(self, score: Path, osc_in: int) -> tuple[str | Path, ...]:
        sound = ("--engine", "built-in", "--output", "jack", "--midi-port", "Orchestra")
        tell = ("--clock", "Clock", "--mtc", "Code", "--osc", f"127.0.0.1:{self._osc_port}", "--osc-in", str(osc_in))
        page = ("--link", "--no-browser", "--port", "0", "--begin", "now")
        return ("stage", score, "--solo", "Solo", "--input", "jack:player", "--features", "bands", *sound, *tell, *page)

    def _run_words(self, score: Path, osc_in: int) -> tuple[str | Path, ...]:
        what = ("--score", score, "--part", "Solo", "--features", "bands", "--separate", "hpss", "--detect")
        into = ("--output", self.recording, "--output", "jack", "--osc-in", str(osc_in))
        return ("run", "--input", "jack:player", *what, *into)

    @property
    def recording(self) -> Path:
        """Where the stems are."""
        return self.disk.folder / "stems"

    def _helper(self, *words: str) -> Helper:
        helper = Helper(*words)
        self._stack.callback(helper.close)
        return helper

    def _command(self, name: str, *words: str | Path) -> Command:
        command = Command(name, self.folder / f"{name}.jsonl", *words)
        self._stack.callback(command.kill)
        return command

    def _thread(self, work: Any) -> None:
        threading.Thread(target=work, daemon=True).start()

    def _listen(self) -> None:
        """Count the messages by OSC."""
        inbox = self._stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        inbox.bind(("127.0.0.1", 0))
        inbox.settimeout(LOOK_S)
        self._osc_port = inbox.getsockname()[1]

        def count() -> None:
            while not self._over.is_set():
                try:
                    inbox.recv(MUCH)
                except TimeoutError:
                    continue
                except OSError:
                    return
                self.n_osc, self.osc_s = self.n_osc + 1, time.monotonic()

        self._thread(count)

    def _order(self) -> None:
        """Say "from the beginning" whenever the soloist begins anew; read the events meanwhile."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while not self._over.wait(LOOK_S):
                if (n := len(self.player.of("pass"))) > self.orders:
                    self.orders = n
                    for place in self._orders_to:
                        out.sendto(osc_message("/collaparte/from", 0.0), place)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._stack.close()
