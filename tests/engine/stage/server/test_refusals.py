"""Each refusal refuses: strangers, foreign pages and hosts, paths, wrong methods, too much."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from engine.stage.server.access import TOKEN_BYTES, StageAccess, StageRole
from engine.stage.server.commands import MAX_MESSAGE_BYTES
from engine.stage.server.guards import StageGuard
from engine.stage.server.stage_server import StageServer
from tests.engine.stage.server.served import base, cookie, opened, served, talk

MUSIC = Path(__file__).parents[3] / "engine" / "score"


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[StageServer]:
    """A server for this machine alone."""
    with served(tmp_path) as server:
        yield server


@pytest.fixture
def lent(tmp_path: Path) -> Iterator[StageServer]:
    """A server for the network."""
    with served(tmp_path, host="0.0.0.0") as server:
        yield server


def status(server: StageServer, path: str, method: str = "GET", **more: Any) -> int:
    async def ask(client: aiohttp.ClientSession) -> int:
        url = URL(base(server) + path, encoded=True)
        async with client.request(method, url, allow_redirects=False, **more) as answer:
            return answer.status

    return int(talk(server, ask))


def handshake(server: StageServer, **more: Any) -> int:
    async def ask(client: aiohttp.ClientSession) -> int:
        try:
            await client.ws_connect(f"{base(server)}/ws", **more)
        except aiohttp.WSServerHandshakeError as error:
            return error.status
        return 101

    return int(talk(server, ask))


def test_this_machine_needs_no_token(alone: StageServer) -> None:
    assert status(alone, "/") == HTTPStatus.OK
    assert handshake(alone, headers={"Origin": base(alone)}) == HTTPStatus.SWITCHING_PROTOCOLS


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/api/scores", "/api/score/s0", "/api/review/audio", "/no"])
def test_strangers_see_nothing(lent: StageServer, path: str) -> None:
    assert status(lent, path) == HTTPStatus.UNAUTHORIZED
    assert status(lent, path, cookies={f"collaparte-{lent.port}": "guess"}) == HTTPStatus.UNAUTHORIZED


def test_strangers_open_no_websocket(lent: StageServer) -> None:
    assert handshake(lent, headers={"Origin": base(lent)}) == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("token", ["", "guess", "%C3%A4", "0" * 500])
def test_a_wrong_token_is_refused(lent: StageServer, token: str) -> None:
    assert status(lent, f"/enter?token={token}") == HTTPStatus.UNAUTHORIZED


def test_a_cookie_is_no_token(lent: StageServer) -> None:
    assert status(lent, f"/enter?token={lent.access.cookies[StageRole.CONTROLLER]}") == HTTPStatus.UNAUTHORIZED
    wrong = {f"collaparte-{lent.port}": lent.access.tokens[StageRole.CONTROLLER]}
    assert status(lent, "/", cookies=wrong) == HTTPStatus.UNAUTHORIZED


def test_a_token_becomes_a_cookie_that_scripts_and_other_pages_have_not(lent: StageServer) -> None:
    async def enter(client: aiohttp.ClientSession) -> tuple[str, int, str]:
        token = lent.access.tokens[StageRole.VIEWER]
        async with client.get(f"{base(lent)}/enter?token={token}", allow_redirects=False) as answer:
            return answer.headers["Set-Cookie"], answer.status, answer.headers["Location"]

    made, code, place = talk(lent, enter)
    assert code == HTTPStatus.SEE_OTHER and place == "/"
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in made.split(";")}
    assert lent.access.tokens[StageRole.VIEWER] not in made


def test_tokens_are_long_and_never_the_same() -> None:
    first, second = StageAccess(open=False), StageAccess(open=False)
    secrets = [*first.tokens.values(), *first.cookies.values(), *second.tokens.values(), *second.cookies.values()]
    assert len(set(secrets)) == 8
    assert all(len(secret) >= TOKEN_BYTES * 8 / 6 for secret in secrets)


@pytest.mark.parametrize(
    "host", ["evil.example:{port}", "localhost", "localhost:1", "127.0.0.1.nip.io:{port}", "a b:{port}", "[::1:{port}"]
)
def test_a_foreign_host_is_refused(alone: StageServer, host: str) -> None:
    assert status(alone, "/", headers={"Host": host.format(port=alone.port)}) == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "192.168.1.7:{port}"])
def test_addresses_and_own_names_are_hosts(alone: StageServer, host: str) -> None:
    assert status(alone, "/", headers={"Host": host.format(port=alone.port)}) == HTTPStatus.OK


def test_the_name_that_was_listened_at_is_a_host() -> None:
    guard = StageGuard(StageAccess(open=False), secure=False, host="Stage.Example")
    guard.port = 80
    assert guard._is_own_host("stage.example") and guard._is_own_host("STAGE.example:80")
    assert not guard._is_own_host("other.example") and not guard._is_own_host("stage.example:81")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1"])
def test_a_foreign_origin_is_refused(alone: StageServer, origin: str) -> None:
    headers = {"Origin": origin.format(port=alone.port)}
    assert status(alone, "/api/scores", headers=headers) == HTTPStatus.FORBIDDEN
    assert status(alone, "/api/scores", "POST", headers=headers) == HTTPStatus.FORBIDDEN
    assert handshake(alone, headers=headers) == HTTPStatus.FORBIDDEN


def test_what_changes_something_names_its_origin(alone: StageServer) -> None:
    assert handshake(alone) == HTTPStatus.FORBIDDEN
    assert status(alone, "/api/scores", "POST") == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../etc/passwd",
        "/static/..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/page.js",
        "/static//etc/passwd",
        "/api/page/../../etc/passwd/1.svg",
        "/api/page/key/../1.svg",
        "/api/score/..%2f..",
        "/api/score//etc/passwd",
    ],
)
def test_no_path_of_a_client_is_opened(alone: StageServer, path: str) -> None:
    raw = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{alone.port}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", alone.port)) as plug:
        plug.sendall(raw.encode())
        answer = b"".join(iter(lambda: plug.recv(4096), b""))
    assert answer.split()[1] in (b"404", b"400")
    assert b"root:" not in answer and b"etc" not in answer.partition(b"\r\n\r\n")[2]


def test_viewers_control_nothing(lent: StageServer) -> None:
    viewer = cookie(lent, StageRole.VIEWER)
    origin = {"Origin": base(lent)}
    assert status(lent, "/api/scores", "POST", headers=origin, cookies=viewer) == HTTPStatus.FORBIDDEN

    async def command(client: aiohttp.ClientSession) -> str:
        page = await opened(client, lent)
        await page.send_str('{"t":"stop"}')
        while "viewer" not in (line := await page.receive_str(timeout=5)) or '"error"' not in line:
            pass
        return line

    assert "one who controls" in talk(lent, command, cookies=viewer)
    assert not lent.controls.halt.is_set()


@pytest.mark.parametrize("sent", ["x" * (MAX_MESSAGE_BYTES + 1), b"\0"])
def test_long_and_binary_messages_end_the_connection(alone: StageServer, sent: str | bytes) -> None:
    async def shout(client: aiohttp.ClientSession) -> int | None:
        page = await opened(client, alone)
        await (page.send_str(sent) if isinstance(sent, str) else page.send_bytes(sent))
        while not page.closed:
            await page.receive(timeout=5)
        return page.close_code

    assert talk(alone, shout) in (aiohttp.WSCloseCode.MESSAGE_TOO_BIG, aiohttp.WSCloseCode.POLICY_VIOLATION)


def test_a_flood_of_messages_ends_the_connection(alone: StageServer) -> None:
    async def flood(client: aiohttp.ClientSession) -> int | None:
        page = await opened(client, alone)
        for _ in range(2000):
            if page.closed:
                break
            await page.send_str('{"t":"ping"}')
        while not page.closed:
            await page.receive(timeout=5)
        return page.close_code

    assert talk(alone, flood) == aiohttp.WSCloseCode.POLICY_VIOLATION


def test_only_so_many_pages_are_open(alone: StageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.stage.server.clients.MAX_CLIENTS", 2)

    async def open_three(client: aiohttp.ClientSession) -> int:
        kept = [await opened(client, alone) for _ in range(2)]
        assert len(kept) == 2
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await opened(client, alone)
        return refused.value.status

    assert talk(alone, open_three) == HTTPStatus.SERVICE_UNAVAILABLE


def test_every_answer_binds_the_browser(lent: StageServer) -> None:
    async def headers(client: aiohttp.ClientSession) -> list[dict[str, str]]:
        answers = []
        for path in ("/", "/enter?token=x", "/nothing"):
            async with client.get(base(lent) + path) as answer:
                answers.append(dict(answer.headers))
        return answers

    for found in talk(lent, headers):
        policy = found["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert found["X-Content-Type-Options"] == "nosniff"
        assert found["Referrer-Policy"] == "no-referrer"
