"""The server of the page: one daemon thread with its own event loop, in the process that runs the sessions.

Sessions never wait for it: what it is told is passed on by `call_soon_threadsafe`, and each client has one place for
the newest message of a kind, so that a slow one is told less, never later, and a stalled one harms nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from engine.core.config import Settings, plain, ranged
from engine.core.errors import ConfigError, EngineError
from engine.core.events import Accompanied, Control, Event, Note, Onset, Position, State
from engine.realtime.states import SessionState
from engine.stage.controls.desk import StageDesk
from engine.stage.controls.stage_controls import StageControls
from engine.stage.outlet import NamedOutlet
from engine.stage.server.access import StageAccess, StageRole
from engine.stage.server.clients import StageClients
from engine.stage.server.commands import obey
from engine.stage.server.guards import StageGuard, secured
from engine.stage.server.messages import (
    FALLBACK_HZ,
    BeatCounter,
    StatusTeller,
    desk_message,
    event_message,
    outlet_rows,
    position_message,
    state_message,
)
from engine.stage.server.outbox import StageMessage
from engine.stage.server.pages import Engraving, PageDesk
from engine.stage.server.review import StageReview
from engine.stage.server.routes import BODY_BYTES, StageRoutes, static_files
from engine.stage.server.shelf import StageShelf

if TYPE_CHECKING:
    from engine.realtime.device_clock import DeviceClock
    from engine.realtime.session_types import SessionStatus

__all__ = ["LOOPBACK", "ServerConfig", "StageServer"]

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8321
NOBODY = -1  # turns a page that no client has turned
STATUS_S = 0.5  # between two status messages
LEVELS_S = 0.05  # between two looks at the levels
LEAST_CHANGE = 0.004  # of a level that is told
START_S, CLOSE_S = 5.0, 0.8  # seconds that the thread may take to start, and to end
NEVER_TOLD = (Accompanied, Control, Note, Onset)  # to clients: the page shows none of them


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig(Settings):
    """Settings of the page's server."""

    host: str = plain(LOOPBACK, "address to listen at; any but this machine's own needs a token")
    port: int = ranged(DEFAULT_PORT, 0, 65535, "port to listen at, 0 for any that is free")
    tls: ssl.SSLContext | None = plain(None, "certificate, for https")
    mode: str = plain("live", "live, file or review")


class StageServer:
    """Serve the page; an outlet of sessions.

    static: files of the page, by default those of the package
    """

    def __init__(
        self,
        config: ServerConfig,
        controls: StageControls,
        shelf: StageShelf,
        *,
        engraving: Engraving | None = None,
        review: StageReview | None = None,
        static: Mapping[str, tuple[bytes, str]] | None = None,
    ) -> None:
        self.config, self.controls = config, controls
        self.access = StageAccess(open=config.host in (LOOPBACK, "localhost", "::1"))
        self.port = 0
        self._guard = StageGuard(self.access, secure=config.tls is not None, host=config.host)
        self._clients = StageClients(self._hello, self._obey)
        self._routes = StageRoutes(
            guard=self._guard,
            shelf=shelf,
            clients=self._clients,
            desk=PageDesk(engraving, self._tell_engraving),
            review=review,
            static=static_files() if static is None else static,
        )
        self._score: str | None = None
        self._outlets: Sequence[NamedOutlet] = ()
        self._outlet_rows: list[dict[str, Any]] = []
        self._beats, self._rate = BeatCounter(), FALLBACK_HZ
        self._status, self._status_s, self._begun_s = StatusTeller(), 0.0, time.monotonic()
        self._status_state, self._input_level, self._status_line = SessionState.STOPPED, 0.0, ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()
        self._error: EngineError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="page")
        controls.listen(self._tell_desk)

    # In any thread

    def start(self) -> None:
        """Start to listen; ConfigError if the port is not free, or the address not this machine's."""
        self._thread.start()
        if not self._ready.wait(START_S):
            raise ConfigError("page", expected=f"a server within {START_S:g} s", got="none")
        if self._error is not None:
            raise self._error
        self._tell_desk(self.controls.desk)

    def address(self, host: str, role: StageRole | None = None) -> str:
        """Return the address of the page for a client, with the token of a role where one is needed."""
        scheme = "http" if self.config.tls is None else "https"
        name = f"[{host}]" if ":" in host else host
        token = "" if role is None or self.access.open else f"enter?token={self.access.tokens[role]}"
        return f"{scheme}://{name}:{self.port}/{token}"

    @property
    def n_clients(self) -> int:
        """Return how many pages are open."""
        return len(self._clients)

    def begin(self, score: str | None, beats: BeatCounter) -> None:
        """Say that a session begins with a score, which takes a while to get ready."""
        self._beats, self._score = beats, score
        self._status.begin()
        self._begun_s, self._status_line = time.monotonic(), ""
        self._call(self._clients.forget, "state", "pos")
        self.prepare()

    def prepare(self, line: str = "") -> None:
        """Say that the session is being made ready; line: what takes so long."""
        self._status_state = SessionState.STARTING
        self._tell(self._status.starting(line), lasting=True)

    def count_samples(self, rate: int) -> None:
        """Read times of events by this rate, Hz, where no device says its own."""
        self._rate = rate or FALLBACK_HZ

    def count_beats(self, beats: BeatCounter) -> None:
        """Count by another score's bars from now on: that is what is played."""
        self._beats = beats

    def stage(self, score: str | None) -> None:
        """Show a score."""
        self._score = score
        self._call(self._stage, score)

    def _stage(self, score: str | None) -> None:
        self._routes.version += 1
        self._clients.tell(StageMessage("score", {"id": score}))

    @property
    def trouble(self) -> str:
        """Return nothing: pages that have gone come back by themselves."""
        return ""

    def show_outlets(self, outlets: Sequence[NamedOutlet]) -> None:
        """Tell clients from now on how these do, when that changes."""
        self._outlets = tuple(outlets)

    def take(self, event: Event, clock: DeviceClock | None) -> None:
        """Tell clients of an event; returns at once."""
        self._status.take(event)
        if isinstance(event, NEVER_TOLD) or (not len(self._clients) and not isinstance(event, State)):
            return
        rate = clock.sample_rate if clock is not None else self._rate
        if isinstance(event, Position):
            self._tell(position_message(event, clock, rate, self._beats))
        elif isinstance(event, State):
            self._tell(state_message(event), lasting=True)
        else:
            self._tell(event_message(event, rate))

    def look(self, status: SessionStatus) -> None:
        """Tell clients how the session does, twice a second and at once when that changes."""
        now_s = time.monotonic()
        self._input_level = status.level
        self._status_line = status.message or self._status_line
        if status.state == self._status_state and now_s - self._status_s < STATUS_S and not status.message:
            return
        self._status_state, self._status_s = status.state, now_s
        self._tell_outlets()
        since_s = now_s - self._begun_s
        self._tell(self._status.message(status, self._rate, now_s, self._status_line, since_s), lasting=True)

    def _tell_outlets(self) -> None:
        rows = outlet_rows(self._outlets)
        if rows != self._outlet_rows:
            self._outlet_rows = rows
            self._tell(StageMessage("outlets", {"rows": rows}), lasting=True)

    def end(self, line: str = "") -> None:
        """Say that the session has ended; line: why, where it failed."""
        self._input_level = 0.0
        self._tell(
            StageMessage("state", {"name": "stopped", "why": line, "transposition": 0, "a4": 440.0}), lasting=True
        )

    def say(self, line: str) -> None:
        """Tell everybody of an error."""
        self._tell(StageMessage("error", {"line": line}))

    def show(self, quarter: float | None) -> None:
        """Show a place on all pages that go with the master's; None for where the music is."""
        turn = {"page": 0, "q": -1.0} if quarter is None else {"page": 1, "q": quarter}
        self._tell(StageMessage("turn", {**turn, "by": NOBODY}))

    def tell(self, message: StageMessage, *, lasting: bool = False) -> None:
        """Tell every client anything else."""
        self._tell(message, lasting=lasting)

    def close(self) -> None:
        """End the server within a second."""
        if self._stopping is not None:
            self._call(self._stopping.set)
        self._thread.join(CLOSE_S)

    def _tell(self, message: StageMessage, *, lasting: bool = False) -> None:
        self._call(lambda: self._clients.tell(message, lasting=lasting))

    def _tell_desk(self, desk: StageDesk) -> None:
        self._tell(desk_message(desk), lasting=True)

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        """Have something done in the event loop, if it runs."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has just been closed
                loop.call_soon_threadsafe(function, *arguments)

    # In the thread of the server

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except EngineError as error:
            self._error = error
        finally:
            self._loop = None
            self._ready.set()

    async def _serve(self) -> None:
        app = web.Application(middlewares=[secured(self._guard)], client_max_size=BODY_BYTES)
        app.on_response_prepare.append(self._guard.dress)
        self._routes.add_to(app)
        quiet = logging.getLogger(__name__)
        quiet.addHandler(logging.NullHandler())  # what strangers send is no news for the terminal
        quiet.propagate = False
        runner = web.AppRunner(app, access_log=None, logger=quiet, handle_signals=False, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await self._listen(runner)
            self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
            self._ready.set()
            levels = asyncio.create_task(self._tell_levels())
            await self._stopping.wait()
            levels.cancel()
            await self._clients.close()
        finally:
            self._routes.desk.close()
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        config = self.config
        try:
            await web.TCPSite(runner, config.host, config.port, ssl_context=config.tls, backlog=64).start()
        except OSError as error:
            raise _not_free(config, error) from error
        self.port = self._guard.port = runner.addresses[0][1]

    async def _tell_levels(self) -> None:
        """Tell clients the levels, while there are any and they move."""
        before: dict[str, float] = {}
        while True:
            await asyncio.sleep(LEVELS_S)
            if not len(self._clients):
                continue
            levels = {"": self._input_level, **self.controls.levels()}
            if levels.keys() != before.keys() or any(abs(levels[n] - before[n]) > LEAST_CHANGE for n in levels):
                before = levels
                targets = {name: round(level, 3) for name, level in levels.items() if name}
                self._clients.tell(StageMessage("levels", {"input": round(levels[""], 3), "targets": targets}))

    def _tell_engraving(self, score: str, progress: float) -> None:
        self._clients.tell(StageMessage("engraving", {"score": score, "progress": round(progress, 3)}))

    def _hello(self) -> dict[str, Any]:
        return {
            "secure": self.config.tls is not None,
            "mode": self.config.mode,
            "score": self._score,
            "does": sorted(self.controls.does),
            "running": self.controls.running,
        }

    def _obey(self, message: Mapping[str, Any]) -> None:
        obey(self.controls, message)


def _not_free(config: ServerConfig, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError("--port", expected="a free port", got=str(config.port), remedy="--port 0 takes any")
    return ConfigError("--host", expected="an address of this machine", got=f"{config.host}: {error.strerror}")
