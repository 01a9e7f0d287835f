"""A certificate of one's own: made once, for all names, for its owner alone; and a server that speaks with it."""

from __future__ import annotations

import ssl
import stat
from http import HTTPStatus
from pathlib import Path

import aiohttp

from engine.stage.controls.stage_controls import StageControls
from engine.stage.server.addresses import address_code, reachable_hosts
from engine.stage.server.certificate import stage_certificate
from engine.stage.server.shelf import StageShelf
from engine.stage.server.stage_server import ServerConfig, StageServer
from tests.engine.stage.server.served import STATIC, talk


def test_it_is_kept_and_made_anew_for_a_further_address(tmp_path: Path) -> None:
    first = stage_certificate(["192.168.1.5"], tmp_path)
    assert stage_certificate(["192.168.1.5"], tmp_path).fingerprint == first.fingerprint
    second = stage_certificate(["192.168.1.6"], tmp_path)
    assert second.fingerprint != first.fingerprint
    assert stage_certificate(["192.168.1.5", "stage.local"], tmp_path).fingerprint != second.fingerprint
    assert stat.S_IMODE(first.key.stat().st_mode) == 0o600


def test_a_broken_one_is_replaced(tmp_path: Path) -> None:
    first = stage_certificate([], tmp_path)
    first.certificate.write_text("nonsense")
    assert stage_certificate([], tmp_path).context() is not None


def test_whoever_trusts_it_enters_by_https(tmp_path: Path) -> None:
    made = stage_certificate(["127.0.0.1"], tmp_path)
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    config = ServerConfig(port=0, tls=made.context())
    server = StageServer(config, StageControls([]), StageShelf([], uploads), static=STATIC)
    server.start()
    trusting = ssl.create_default_context(cafile=str(made.certificate))
    try:
        address = server.address("127.0.0.1")

        async def enter(client: aiohttp.ClientSession) -> tuple[int, bool]:
            async with client.get(address, ssl=trusting) as answer:
                status = answer.status
            origin = {"Origin": address.rstrip("/")}
            async with client.ws_connect(f"{address}ws", ssl=trusting, headers=origin) as page:
                return status, (await page.receive_json())["secure"]

        assert talk(server, enter) == (HTTPStatus.OK, True)
    finally:
        server.close()


def test_an_address_is_a_code_of_lines() -> None:
    code = address_code("http://192.168.1.5:8321/enter?token=abcdefghijklmnopqrstuv")
    assert len(code.splitlines()) > 10


def test_a_given_address_is_the_one_that_is_told() -> None:
    assert reachable_hosts("192.168.1.5") == ["192.168.1.5"]
    assert "0.0.0.0" not in reachable_hosts("0.0.0.0")
