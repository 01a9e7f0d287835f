"""The first bars of a score, as a page asks for them."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from engine.core.errors import EngineError
from engine.stage.server.pages import PageRequest
from engine.stage.server.shelf import ShelfScore, StagedScore
from tests.engine.stage.server.served import base, served, talk
from tests.optional import optional

optional("aiohttp")
DRAWN = b"<svg/>"


class DrawsFirstBars:
    """An engraver that knows the first bars of MusicXML, and nothing else."""

    def pages(
        self, staged: StagedScore, request: PageRequest, on_progress: Callable[[float], None]
    ) -> Mapping[str, Any]:
        raise AssertionError

    def sheet(self, key: str, number: int) -> bytes:
        raise AssertionError

    def incipit(self, shelved: ShelfScore) -> bytes:
        if shelved.kind != "pages":
            raise EngineError("first bars", expected="MusicXML", got="MIDI")
        return gzip.compress(DRAWN)


def test_first_bars_are_given_and_what_has_none_is_told_so(tmp_path: Path) -> None:
    paths = tmp_path / "one.musicxml", tmp_path / "two.mid"

    async def ask(client: aiohttp.ClientSession) -> list[tuple[int, bytes]]:
        answers = []
        for name in ("s0", "s1", "s9"):
            async with client.get(f"{base(server)}/api/score/{name}/incipit.svg") as answer:
                answers.append((answer.status, await answer.read()))
        return answers

    with served(tmp_path, paths=paths, engraving=DrawsFirstBars()) as server:
        (found, body), (midi, line), (unknown, _) = talk(server, ask)
    assert (found, body) == (200, DRAWN)
    assert midi == 404
    assert b"MIDI" in line
    assert 400 <= unknown < 500
