"""A server of the page on a port of its own, with a session that only remembers what it was asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from engine.core.orders import Order
from engine.stage.controls.stage_controls import StageControls
from engine.stage.server.access import StageRole
from engine.stage.server.pages import Engraving
from engine.stage.server.shelf import StageShelf
from engine.stage.server.stage_server import ServerConfig, StageServer

STATIC = {"index.html": (b"<!doctype html>", "text/html"), "page.js": (b"", "text/javascript")}
ANSWER_S = 5.0  # for an answer that must come


class HeardSession:
    """A session as the controls see it."""

    def __init__(self, targets: tuple[str, ...] = ("harmonic", "percussive")) -> None:
        self.targets = targets
        self.gains: dict[str, float] = {}
        self.orders: list[Order] = []

    def set_gain(self, target: str, gain: float) -> None:
        self.gains[target] = gain

    def order(self, order: Order) -> None:
        self.orders.append(order)

    def levels(self) -> dict[str, float]:
        return dict.fromkeys(self.targets, 0.5)


@contextmanager
def served(
    folder: Path,
    *,
    paths: tuple[Path, ...] = (),
    host: str = "127.0.0.1",
    does: tuple[str, ...] = ("follow", "separate"),
    engraving: Engraving | None = None,
) -> Iterator[StageServer]:
    """A server that listens; its uploads go to a folder."""
    uploads = folder / "uploads"
    uploads.mkdir()
    controls = StageControls(does)
    server = StageServer(
        ServerConfig(host=host, port=0), controls, StageShelf(paths, uploads), engraving=engraving, static=STATIC
    )
    server.start()
    try:
        yield server
    finally:
        server.close()


def base(server: StageServer) -> str:
    return f"http://127.0.0.1:{server.port}"


def cookie(server: StageServer, role: StageRole) -> dict[str, str]:
    return {f"collaparte-{server.port}": server.access.cookies[role]}


def talk(server: StageServer, work: Callable[[aiohttp.ClientSession], Awaitable[Any]], **options: Any) -> Any:
    """Run something with a client of the server."""

    async def run() -> Any:
        async with aiohttp.ClientSession(**options) as client:
            return await asyncio.wait_for(work(client), 4 * ANSWER_S)

    return asyncio.run(run())


async def opened(client: aiohttp.ClientSession, server: StageServer) -> aiohttp.ClientWebSocketResponse:
    return await client.ws_connect(f"{base(server)}/ws", headers={"Origin": base(server)})


async def next_of(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """The next message of a kind; others are passed over."""
    while True:
        message = json.loads(await socket.receive_str(timeout=ANSWER_S))
        if message["t"] == kind:
            return dict(message)
