"""The clients of the page: who they are, who turns for all, and what each is still to be told."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from engine.core.errors import EngineError
from engine.stage.server.access import StageRole
from engine.stage.server.commands import MAX_MESSAGE_BYTES, read_message
from engine.stage.server.outbox import StageMessage, StageOutbox

__all__ = ["MAX_CLIENTS", "StageClients"]

MAX_CLIENTS = 32
HEARTBEAT_S = 5.0  # a client that does not answer a ping within half of this is gone
SEND_BYTES = 1 << 15  # that the system may hold for a client: little, or a slow one is told what is long past
RATE, BURST = 100.0, 200.0  # messages a second of one client, and so many at once
EVENTS = frozenset({"sound", "cue", "dropout", "late", "error"})

Obey = Callable[[Mapping[str, Any]], None]


class _Client:
    """One websocket."""

    def __init__(self, number: int, role: StageRole, socket: web.WebSocketResponse) -> None:
        self.number, self.role, self.socket = number, role, socket
        self.outbox = StageOutbox()
        self.own_page = False
        self._allowance, self._seen_s = BURST, 0.0

    def may_speak(self, now_s: float) -> bool:
        """Return whether one more message is within the rate."""
        self._allowance = min(BURST, self._allowance + RATE * (now_s - self._seen_s)) - 1
        self._seen_s = now_s
        return self._allowance >= 0

    def tell(self, message: StageMessage) -> None:
        """Queue a message."""
        if message.body["t"] in EVENTS:
            self.outbox.add(message)
        else:
            self.outbox.put(message)

    async def send(self) -> None:
        """Send what there is, until the client has gone; a slow one waits here alone."""
        with contextlib.suppress(ConnectionError):
            while not self.socket.closed:
                await self.socket.send_str((await self.outbox.take()).now())


class StageClients:
    """Hold the clients; lives in the server's event loop.

    hello: returns what every client is told first, besides who it is
    obey: does what a client asks; EngineError goes back to it as one line
    """

    def __init__(self, hello: Callable[[], Mapping[str, Any]], obey: Obey) -> None:
        self._hello, self._obey = hello, obey
        self._clients: dict[int, _Client] = {}
        self._lasting: dict[str, StageMessage] = {}  # what a newcomer is told of what went before
        self._n_ever = 0

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def master(self) -> int | None:
        """Return who turns for all: the first of those that control."""
        return next((n for n, client in self._clients.items() if client.role is StageRole.CONTROLLER), None)

    def tell(self, message: StageMessage, *, lasting: bool = False) -> None:
        """Tell all; lasting: also those who come later, until there is a newer one of its kind."""
        if lasting:
            self._lasting[message.body["t"]] = message
        for client in self._clients.values():
            client.tell(message)

    def forget(self, *kinds: str) -> None:
        """Tell those who come later nothing of these kinds."""
        for kind in kinds:
            self._lasting.pop(kind, None)

    async def serve(self, request: web.Request, role: StageRole) -> web.StreamResponse:
        """Serve one client until it leaves."""
        if len(self._clients) >= MAX_CLIENTS:
            raise web.HTTPServiceUnavailable(reason=f"at most {MAX_CLIENTS} pages at once")
        answer = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MAX_MESSAGE_BYTES, compress=False)
        await answer.prepare(request)
        _hold_little(request)
        client = _Client(self._n_ever, role, answer)
        self._n_ever += 1
        self._clients[client.number] = client
        self._greet(client)
        for message in self._lasting.values():
            client.tell(message)
        sending = asyncio.create_task(client.send())
        try:
            await self._listen(client)
        finally:
            sending.cancel()
            self._leave(client)
        return answer

    def _greet(self, client: _Client) -> None:
        own = {"role": str(client.role), "client": client.number, "master": self.master == client.number}
        client.tell(StageMessage("hello", {**own, **self._hello()}))

    def _leave(self, client: _Client) -> None:
        before = self.master
        del self._clients[client.number]
        if self.master not in (before, None):
            self._greet(self._clients[self.master or 0])

    async def _listen(self, client: _Client) -> None:
        loop = asyncio.get_running_loop()
        async for message in client.socket:
            if message.type is not WSMsgType.TEXT or not client.may_speak(loop.time()):
                await client.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too much, or not text")
                return
            try:
                self._take(client, read_message(message.data, client.role))
            except EngineError as error:
                client.tell(StageMessage("error", {"line": str(error)}))

    def _take(self, client: _Client, message: Mapping[str, Any]) -> None:
        match message["t"]:
            case "ping":
                client.tell(StageMessage("pong", {"missed": client.outbox.n_missed}))
            case "own":
                client.own_page = message["on"]
            case "turn":
                self._turn(client, message)
            case _:
                self._obey(message)

    def _turn(self, by: _Client, message: Mapping[str, Any]) -> None:
        """Turn for those who follow, if the master has turned."""
        if by.number != self.master:
            return
        turn = StageMessage("turn", {"page": message["page"], "q": message["q"], "by": by.number})
        for client in self._clients.values():
            if client is not by and not client.own_page:
                client.tell(turn)

    async def close(self) -> None:
        """Say goodbye to all."""
        goodbyes = [
            client.socket.close(code=WSCloseCode.GOING_AWAY, message=b"the stage has ended", drain=False)
            for client in self._clients.values()
        ]
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*goodbyes, return_exceptions=True), GOODBYE_S)


GOODBYE_S = 0.2


def _hold_little(request: web.Request) -> None:
    """Let neither the system nor the event loop hold much for a client that does not read."""
    transport = request.transport
    if transport is None:
        return
    transport.set_write_buffer_limits(high=SEND_BYTES)
    if (raw := transport.get_extra_info("socket")) is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
