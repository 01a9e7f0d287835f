"""Scores that clients send: read as any other before they are one of the scores, and never under a name of theirs."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from engine.stage.server.stage_server import StageServer
from tests.engine.stage.server.served import base, served, talk

PIECE = b"""<?xml version="1.0"?><score-partwise version="4.0"><part-list>
<score-part id="P1"><part-name>Flute</part-name>
</score-part></part-list><part id="P1"><measure number="1"><attributes><divisions>1</divisions><time><beats>4</beats>
<beat-type>4</beat-type></time></attributes>
<note><pitch><step>C</step><octave>5</octave></pitch><duration>4</duration></note></measure></part></score-partwise>"""
BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<score-partwise><part-list/><part id="P1">&b;</part></score-partwise>"""


def send(server: StageServer, name: str, data: bytes) -> tuple[int, dict[str, Any]]:
    async def post(client: aiohttp.ClientSession) -> tuple[int, dict[str, Any]]:
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("score", data, filename=name)
        async with client.post(f"{base(server)}/api/scores", data=form, headers={"Origin": base(server)}) as answer:
            return answer.status, await answer.json()

    status, body = talk(server, post)
    return int(status), dict(body)


def test_a_score_is_taken(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        status, row = send(server, "../../evil/My song.musicxml", PIECE)
        assert status == HTTPStatus.CREATED
        assert row == {"id": "u0", "title": "My song", "file": "0.musicxml", "kind": "pages"}

        async def facts(client: aiohttp.ClientSession) -> dict[str, Any]:
            async with client.get(f"{base(server)}/api/score/u0") as answer:
                return dict(await answer.json())

        found = talk(server, facts)
    assert found["parts"] == [{"name": "Flute", "n_notes": 1, "solo": True}]
    assert found["onsets"] == [0.0] and found["bars"][0][:2] == [0.0, 1]
    assert found["meters"] == [[0.0, 4, 1.0]]
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.musicxml", b"<html></html>"),
        ("a.musicxml", BOMB),
        ("a.mxl", b"PK\3\4broken"),
        ("a.mid", b"MThd"),
        ("a.py", PIECE),
        ("a", PIECE),
        ("a.musicxml", b""),
    ],
)
def test_what_is_no_score_is_refused_and_not_kept(tmp_path: Path, name: str, data: bytes) -> None:
    with served(tmp_path) as server:
        status, answer = send(server, name, data)
        assert status == HTTPStatus.BAD_REQUEST
        assert str(tmp_path) not in answer["line"] and "\n" not in answer["line"]
        assert not list((tmp_path / "uploads").iterdir())


def test_too_large_a_body_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.stage.server.routes.MAX_SCORE_BYTES", 1000)
    with served(tmp_path) as server:
        status, _ = send(server, "a.musicxml", PIECE + b" " * 2000)
        assert status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_a_body_that_is_no_form_is_refused(tmp_path: Path) -> None:
    with served(tmp_path) as server:

        async def post(client: aiohttp.ClientSession) -> int:
            headers = {"Origin": base(server), "Content-Type": "application/json"}
            async with client.post(f"{base(server)}/api/scores", data=b"{}", headers=headers) as answer:
                return answer.status

        assert talk(server, post) == HTTPStatus.BAD_REQUEST
