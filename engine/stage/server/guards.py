"""Refuse what does not come from the page itself: foreign hosts, foreign origins, strangers; and say so in headers.

The Host must be an address or a name of this machine: against DNS rebinding, which needs a name. The Origin must be the
page's own wherever a browser sends one, and for all that changes something, websockets too, which know no other check.
"""

from __future__ import annotations

import ipaddress
import re
import socket

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from engine.core.errors import EngineError
from engine.stage.server.access import StageAccess, StageRole

__all__ = ["ROLE", "StageGuard", "secured"]

ROLE = web.RequestKey("role", StageRole)
ENTER = "/enter"
HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")
READING = ("GET", "HEAD")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; font-src 'self'; "
    "manifest-src 'self'; connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Server": "collaparte",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower()
    return frozenset({"localhost", name, f"{name.partition('.')[0]}.local"})


class StageGuard:
    """Check every request before anything is done about it.

    access: who may enter
    port: the server's own, set when it is known
    secure: whether it speaks TLS
    host: at which it listens, which may be a name
    """

    def __init__(self, access: StageAccess, *, secure: bool, host: str = "") -> None:
        self.access, self.secure, self.port = access, secure, 0
        self._names = _own_names() | {host.lower()}

    @property
    def cookie(self) -> str:
        """Return the name of the cookie: browsers do not tell ports apart, two servers on one machine must."""
        return f"collaparte-{self.port}"

    def role(self, request: web.Request) -> StageRole | None:
        """Return what the client may do."""
        return self.access.role(request.cookies.get(self.cookie))

    def refusal(self, request: web.Request) -> web.StreamResponse | None:
        """Return the answer to a request that must not pass, None for one that may."""
        if not self._is_own_host(request.headers.get("Host", "")):
            return refused(403, "this is no address of this server")
        if not self._is_own_origin(request):
            return refused(403, "this comes from another page")
        if request.path == ENTER:
            return None
        role = self.role(request)
        if role is None:
            return refused(401, "open the address with its token: scan the code, or copy the whole line")
        if request.method not in READING and role is not StageRole.CONTROLLER:
            return refused(403, "this is for those who control")
        request[ROLE] = role
        return None

    def _is_own_host(self, host: str) -> bool:
        found = HOST.fullmatch(host)
        if found is None or int(found[2] or (443 if self.secure else 80)) != self.port:
            return False
        name = found[1].strip("[]").lower()
        return name in self._names or _is_address(name)

    def _is_own_origin(self, request: web.Request) -> bool:
        origin = request.headers.get("Origin")
        if origin is None:
            upgrades = "upgrade" in request.headers.get("Connection", "").lower()
            return request.method in READING and not upgrades
        return origin.lower() == f"{'https' if self.secure else 'http'}://{request.headers['Host']}".lower()

    async def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the headers that bind a browser; a signal of aiohttp, before each answer."""
        scheme, host = ("wss" if self.secure else "ws"), request.headers.get("Host", "")
        sockets = f"{scheme}://{host}" if self._is_own_host(host) else ""
        response.headers.update(HEADERS)
        response.headers["Content-Security-Policy"] = POLICY.format(sockets=sockets)
        response.headers.setdefault("Cache-Control", "no-store")
        if self.secure:  # browsers know it of secure pages alone
            response.headers["Cross-Origin-Opener-Policy"] = "same-origin"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def refused(status: int, line: str) -> web.Response:
    """Return an answer of one line."""
    return web.json_response({"line": line}, status=status)


def secured(guard: StageGuard) -> Middleware:
    """Return the middleware that lets a guard look first, and turns errors into one line."""

    @web.middleware
    async def look(request: web.Request, handler: Handler) -> web.StreamResponse:
        if (refusal := guard.refusal(request)) is not None:
            return refusal
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return refused(error.status, error.reason)
        except EngineError as error:
            return refused(400, str(error))

    return look
