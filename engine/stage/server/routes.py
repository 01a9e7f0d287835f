"""What the server answers: the page, its scores, its engraving, its review and its socket. No path of a client's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from engine.core.errors import EngineError, ScoreError
from engine.score.file_bytes import MAX_SCORE_BYTES
from engine.stage.engraving.font import music_font
from engine.stage.page.files import page_files
from engine.stage.server.access import StageRole
from engine.stage.server.clients import StageClients
from engine.stage.server.guards import ROLE, StageGuard, refused
from engine.stage.server.outbox import StageMessage
from engine.stage.server.pages import PageDesk, PageRequest
from engine.stage.server.review import StageReview
from engine.stage.server.shelf import ShelfScore, StagedScore, StageShelf

__all__ = ["BODY_BYTES", "StageRoutes", "static_files"]

BODY_BYTES = MAX_SCORE_BYTES + (1 << 16)  # of an upload with its frame
MUSIC_FONT = "leipzig.woff2"
A_YEAR = "private, max-age=31536000, immutable"


def static_files() -> dict[str, tuple[bytes, str]]:
    """Return every file of the page by its name, with its media type: all that is ever served."""
    files = {name: (path.read_bytes(), kind) for name, (path, kind) in page_files().items()}
    with suppress(EngineError):  # without the engraver there are no notes in text
        files[MUSIC_FONT] = music_font(), "font/woff2"
    return files


@dataclass(slots=True)
class StageRoutes:
    """The answers to every address.

    version: counts how often the score at hand has changed
    """

    guard: StageGuard
    shelf: StageShelf
    clients: StageClients
    desk: PageDesk
    review: StageReview | None = None
    version: int = 0
    static: Mapping[str, tuple[bytes, str]] = field(default_factory=dict)

    def add_to(self, app: web.Application) -> None:
        """Add all routes to an application."""
        app.add_routes(
            [
                web.get("/", self.index),
                web.get("/enter", self.enter),
                web.get(r"/static/{name:[A-Za-z0-9._/-]{1,100}}", self.file),
                web.get("/ws", self.socket),
                web.get("/api/scores", self.scores),
                web.post("/api/scores", self.upload),
                web.get(r"/api/score/{id:[a-z0-9]{1,8}}", self.score),
                web.get(r"/api/score/{id:[a-z0-9]{1,8}}/pages", self.pages),
                web.get(r"/api/score/{id:[a-z0-9]{1,8}}/incipit.svg", self.incipit),
                web.get(r"/api/page/{key:[0-9A-Za-z_-]{1,64}}/{number:\d{1,4}}.svg", self.page),
                web.get("/api/review", self.reviewed),
                web.get("/api/review/audio", self.recording),
            ]
        )

    async def index(self, request: web.Request) -> web.StreamResponse:
        """The page."""
        return self._file("index.html")

    async def file(self, request: web.Request) -> web.StreamResponse:
        """One of the files of the page."""
        return self._file(request.match_info["name"])

    def _file(self, name: str) -> web.Response:
        if name not in self.static:
            return refused(404, "no such file")
        body, kind = self.static[name]
        text = kind.startswith("text/") or kind.endswith(("json", "xml"))
        headers = {"Content-Type": f"{kind}; charset=utf-8" if text else kind, "Cache-Control": "no-cache"}
        return web.Response(body=body, headers=headers)

    async def enter(self, request: web.Request) -> web.StreamResponse:
        """Change a token for a cookie."""
        role = self.guard.access.redeem(request.query.get("token", ""))
        if role is None:
            return refused(401, "this token opens nothing: it is another one after every start")
        answer = web.Response(status=303, headers={"Location": "/"})
        cookie = self.guard.access.cookies[role]
        answer.set_cookie(
            self.guard.cookie, cookie, httponly=True, samesite="Strict", secure=self.guard.secure, path="/"
        )
        return answer

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """The websocket."""
        return await self.clients.serve(request, request[ROLE])

    async def scores(self, request: web.Request) -> web.StreamResponse:
        """The scores that may be chosen."""
        return web.json_response(self.shelf.rows())

    async def score(self, request: web.Request) -> web.StreamResponse:
        """One score, without its engraving."""
        facts = await asyncio.to_thread(self._facts, request.match_info["id"])
        answer = web.json_response(facts)
        answer.enable_compression()
        return answer

    def _facts(self, name: str) -> dict[str, Any]:
        return self._staged(name).facts()

    def _staged(self, name: str) -> StagedScore:
        return self.shelf.read(name)

    async def pages(self, request: web.Request) -> web.StreamResponse:
        """The layout of a score, or that it is being engraved."""
        wanted = PageRequest.of(request.query)
        staged = await asyncio.to_thread(self._staged, request.match_info["id"])
        layout = await self.desk.layout(staged, self.version, wanted)
        if isinstance(layout, float):
            return web.json_response({"progress": layout, "what": "engraving"}, status=202)
        answer = web.json_response(layout)
        answer.enable_compression()
        return answer

    async def page(self, request: web.Request) -> web.StreamResponse:
        """One engraved page."""
        return await _picture(self.desk.sheet(request.match_info["key"], int(request.match_info["number"])), A_YEAR)

    async def incipit(self, request: web.Request) -> web.StreamResponse:
        """The first bars of a score."""
        return await _picture(self.desk.incipit(self.shelf[request.match_info["id"]]), "no-cache")

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Take a score of a client's, if it is one."""
        if request[ROLE] is not StageRole.CONTROLLER:
            return refused(403, "this is for those who control")
        name, data = await _uploaded(request)
        score: ShelfScore = await asyncio.to_thread(self.shelf.add_upload, name, data)
        self.clients.tell(StageMessage("library", {"scores": self.shelf.rows()}))
        return web.json_response(score.row(), status=201)

    async def reviewed(self, request: web.Request) -> web.StreamResponse:
        """What a recording was followed as."""
        if self.review is None:
            return refused(404, "nothing is reviewed here")
        answer = web.json_response(self.review.body)
        answer.enable_compression()
        return answer

    async def recording(self, request: web.Request) -> web.StreamResponse:
        """The recording that is reviewed; parts of it where a player asks for them."""
        if self.review is None:
            return refused(404, "nothing is reviewed here")
        return web.FileResponse(self.review.audio, headers={"Content-Type": self.review.media_type})


async def _picture(drawn: Awaitable[bytes], kept: str) -> web.Response:
    try:
        body = await drawn
    except EngineError as error:
        return refused(404, str(error))
    headers = {"Content-Encoding": "gzip", "Content-Type": "image/svg+xml; charset=utf-8", "Cache-Control": kept}
    return web.Response(body=body, headers=headers)


async def _uploaded(request: web.Request) -> tuple[str, bytes]:
    """Return name and content of the one file that was sent; ScoreError for anything else."""
    expected = "one file of a form"
    if not request.content_type == "multipart/form-data":
        raise ScoreError("upload", expected=expected, got=request.content_type[:60])
    try:
        part = await (await request.multipart()).next()
    except ValueError as error:
        raise ScoreError("upload", expected=expected, got="a broken form") from error
    if not isinstance(part, BodyPartReader) or not part.filename:
        raise ScoreError("upload", expected=expected, got="none")
    data = bytearray()
    while chunk := await part.read_chunk(1 << 16):
        data += chunk
        if len(data) > MAX_SCORE_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_SCORE_BYTES, len(data))
    return part.filename, bytes(data)
