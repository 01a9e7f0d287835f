"""A server that stands in for the real one: it serves the page and says what a test tells it to say.

It shows what the page makes of any order of messages, which a session could not be made to give, and counts what the
page asks for. Run as a program it plays the small score for somebody to look at.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

from aiohttp import WSMsgType, web

from engine.stage.page.files import PAGE_INDEX, page_files
from tests.engine.stage.page.music import EngravedScore, SmallScore

POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
POSITIONS_HZ = 86
PATIENCE_S = 60.0
FIRST_BARS = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 8"><path d="M0 4h40" stroke="black"/></svg>'
ALL = ["follow"]
LASTING = ("state", "controls", "status", "pos")  # what those who come later are told, too


class StandIn:
    """Serve the page on a free port of this machine.

    heard: every message of every client, in order
    asked: every path that was asked for
    says: what `hello` says besides its defaults; more of the messages that a client gets when it comes
    """

    def __init__(self, study: SmallScore, verovio: Any, **says: Any) -> None:
        self.scores = {"one": study}
        self.kinds = {"one": "pages"}
        self.review: dict[str, Any] = {}
        self.audio = b""
        self._verovio = verovio
        self._engraved: dict[str, EngravedScore] = {}
        self.says, self.first = says, list[dict[str, Any]]()
        self.heard: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.port = 0
        self._clients: list[web.WebSocketResponse] = []
        self._lasting: dict[str, dict[str, Any]] = {}
        self._came = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> StandIn:
        self._thread.start()
        self._do(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.go_away()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _do(self, work: Any, lasts_s: float = 0.0) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S + lasts_s)

    @property
    def url(self) -> str:
        """Return the address of the page."""
        return f"http://127.0.0.1:{self.port}/"

    async def _open(self) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/ws", self._socket),
                web.get("/static/{name:.+}", self._static),
                web.get("/api/scores", self._library),
                web.post("/api/scores", self._upload),
                web.get("/api/score/{id}", self._score),
                web.get("/api/score/{id}/pages", self._pages),
                web.get("/api/score/{id}/incipit.svg", self._incipit),
                web.get("/api/page/{key}/{number}.svg", self._page),
                web.get("/api/review", self._review),
                web.get("/api/review/audio", self._audio),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    def go_away(self) -> None:
        """Close every line and listen no more."""
        self._do(self._close())

    async def _close(self) -> None:
        for client in list(self._clients):
            await client.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def come_back(self) -> None:
        """Listen on the same port again."""
        self._do(self._open())

    @staticmethod
    async def _index(_: web.Request) -> web.StreamResponse:
        return web.Response(body=PAGE_INDEX.read_bytes(), content_type="text/html", charset="utf-8", headers=_headers())

    @staticmethod
    async def _incipit(_: web.Request) -> web.StreamResponse:
        return web.Response(text=FIRST_BARS, content_type="image/svg+xml", headers=_headers())

    async def _static(self, request: web.Request) -> web.StreamResponse:
        found = page_files().get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        return web.Response(body=found[0].read_bytes(), content_type=found[1], charset="utf-8", headers=_headers())

    def library(self) -> list[dict[str, Any]]:
        """What GET /api/scores answers."""
        return [
            {"id": key, "title": score.title, "file": f"{key}.musicxml", "kind": self.kinds[key]}
            for key, score in self.scores.items()
        ]

    async def _library(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        return web.json_response(self.library())

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        part = await (await request.multipart()).next()
        self.asked.append(f"upload {part.filename}")  # type: ignore[union-attr]
        return web.json_response({"line": "upload: not a score"}, status=422)

    async def _score(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        key = request.match_info["id"]
        return web.json_response(self.scores[key].info(key, self.kinds[key]))

    def _engraving(self, key: str) -> EngravedScore:
        if key not in self._engraved:
            self._engraved[key] = EngravedScore(self.scores[key], self._verovio)
        return self._engraved[key]

    async def _pages(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        key = request.match_info["id"]
        size = (int(request.query[name]) for name in ("w", "h", "scale"))
        bundle = self._engraving(key).bundle(*size)
        return web.json_response(bundle | {"layout": f"{key}-{bundle['layout']}"})

    async def _page(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        key, size = request.match_info["key"].split("-")
        text = self._engraving(key).svg(size, int(request.match_info["number"]))
        return web.Response(text=text, content_type="image/svg+xml", charset="utf-8", headers=_headers())

    async def _review(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(self.review)

    async def _audio(self, request: web.Request) -> web.StreamResponse:
        part = request.http_range
        if part.start is None:
            return web.Response(
                body=self.audio, content_type="audio/wav", headers=_headers() | {"Accept-Ranges": "bytes"}
            )
        first, length = part.start, len(self.audio)
        last = min(part.stop or length, length)
        where = {"Content-Range": f"bytes {first}-{last - 1}/{length}"}
        return web.Response(status=206, body=self.audio[first:last], content_type="audio/wav", headers=where)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=4096)
        await socket.prepare(request)
        self._came += 1
        hello = {
            "t": "hello",
            "role": "controller",
            "master": not self._clients,
            "client": f"c{self._came}",
            "secure": False,
        }
        hello |= {"mode": "live", "score": "one", "does": ALL, "running": True} | self.says
        await socket.send_json(hello)
        for message in (*self.first, *self._lasting.values()):
            await socket.send_json(message)
        self._clients.append(socket)
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    await self._hear(socket, json.loads(message.data), hello["client"])
        finally:
            self._clients.remove(socket)
        return socket

    async def _hear(self, socket: web.WebSocketResponse, message: dict[str, Any], client: str) -> None:
        if message["t"] == "ping":
            await socket.send_json({"t": "pong"})
            return
        self.heard.append(message)
        if message["t"] == "turn":
            await self._tell(message | {"by": client})

    async def _tell(self, message: dict[str, Any]) -> None:
        if message["t"] in LASTING:
            self._lasting[message["t"]] = message
        for client in list(self._clients):
            if not client.closed:
                await client.send_json(message)

    def say(self, t: str, **fields: Any) -> None:
        """Say something to every client."""
        self._do(self._tell({"t": t, **fields}))

    def state(self, name: str, **more: Any) -> None:
        """Tell a state of the follower."""
        self.say("state", **({"name": name, "why": "", "transposition": 0, "a4": 440.0} | more))

    def position(self, quarter: float, bpm: float = 0.0, conf: float = 0.9) -> None:
        """Tell a position; at a tempo of 0 it stays there."""
        self.say("pos", **self._position(quarter, bpm, conf))

    def _position(self, quarter: float, bpm: float, conf: float = 0.9) -> dict[str, Any]:
        score = self.scores[next(iter(self.scores))]
        bar = max((row for row in score.bars if row[0] <= quarter), default=score.bars[0])
        return {"q": quarter, "bar": bar[1], "beat": quarter - bar[0] + 1, "bpm": bpm, "conf": conf, "age": 0.0}

    def play(self, start: float, end: float, bpm: float, wobble: float = 0.0) -> None:
        """Play from quarter to quarter in time, as a follower tells it, and return when it is done."""
        self._do(self._play(start, end, bpm, wobble), (end - start) * 60 / bpm)

    async def _play(self, start: float, end: float, bpm: float, wobble: float) -> None:
        begin, k = time.monotonic(), 0
        while True:
            quarter = start + (time.monotonic() - begin) * bpm / 60
            if quarter >= end:
                break
            told = quarter + wobble * ((k * 7919) % 13 - 6) / 6
            k += 1
            await self._tell({"t": "pos", **self._position(told, bpm), "sent": time.time()})
            await asyncio.sleep(1 / POSITIONS_HZ)

    @property
    def clients(self) -> int:
        """Return how many lines are open."""
        return len(self._clients)


def _headers() -> dict[str, str]:
    return {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
