"""One session after another, as the page asks: start, stop, start again, other bars, another score."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from offline.synthesis.demo_piece import write_musicxml
from tests.cli.live.stage_music import played, written
from tests.cli.live.staged import staged

ANSWER_S = 120.0  # for an engine to start on a busy machine
pytestmark = pytest.mark.slow


class Page:
    """A page without a browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def ask(self, kind: str, **fields: Any) -> None:
        await self._socket.send_str(json.dumps({"t": kind, **fields}))

    async def told(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Wait for a message of a kind with these fields."""
        while True:
            message = json.loads(await self._socket.receive_str(timeout=ANSWER_S))
            if message["t"] == kind and fields.items() <= message.items():
                return dict(message)

    async def told_until(self, kind: str, last: Callable[[dict[str, Any]], bool]) -> list[str]:
        """Wait for a message of a kind that is so; return the kinds of all that came before it."""
        kinds = []
        while True:
            message = json.loads(await self._socket.receive_str(timeout=ANSWER_S))
            kinds.append(message["t"])
            if message["t"] == kind and last(message):
                return kinds


async def perform(base: str) -> list[Any]:
    found: list[Any] = []
    async with aiohttp.ClientSession() as client, client.ws_connect(f"{base}/ws", headers={"Origin": base}) as socket:
        page = Page(socket)
        found.append((await page.told("hello"))["running"])
        await page.ask("start")
        await page.told("pos")
        await page.ask("stop")
        await page.told("state", name="stopped")
        await page.ask("start")
        await page.told("state", name="following")
        await page.ask("loop", bars=[3, 4])  # the session that runs goes on, in these bars
        told = await page.told_until("pos", lambda pos: 15.9 < pos["q"] < 24)  # bars 1 and 2 are played twice
        found.append({"score", "engraving"} & set(told))
        await page.ask("loop", bars=None)
        await page.told("controls", loop=None)
        await page.ask("choose", id="s1")
        await page.told("score", id="s1")
        await page.told("pos")
        await page.ask("choose", id="s7")
        found.append((await page.told("error"))["line"])
    return found


def test_start_stop_start_again_loop_and_choose(tmp_path: Path) -> None:
    scores = tmp_path / "scores"
    scores.mkdir()
    first = written(scores)
    (scores / "zweites.musicxml").write_text(first.read_text())
    take = played(first, silence_s=300).rename(tmp_path / "take.flac")
    events = tmp_path / "take.jsonl"
    with staged(scores, "--input", take, "--begin", "button", "--no-find", "--events", events) as stage:
        running, begun_again, line = asyncio.run(perform(stage.base))
        assert stage.interrupt() == 0
    assert not running and not begun_again and "one of the scores" in line
    assert events.exists() and (tmp_path / "take-2.jsonl").exists() and (tmp_path / "take-3.jsonl").exists()
    assert not (tmp_path / "take-4.jsonl").exists()


async def listen(base: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as client, client.ws_connect(f"{base}/ws", headers={"Origin": base}) as socket:
        page = Page(socket)
        assert (await page.told("hello"))["score"] == "s0"
        await page.ask("start")
        await page.told("piece", sure=True, name="study")
        await page.told("score", id="s1")
        return await page.told("pos")


def test_the_score_that_is_played_is_found_and_shown(tmp_path: Path) -> None:
    scores = tmp_path / "scores"
    scores.mkdir()
    write_musicxml(scores / "minuet.musicxml")
    take = played(written(scores), seconds=30, silence_s=300).rename(tmp_path / "take.flac")
    with staged(scores, "--input", take, "--begin", "button") as stage:
        assert asyncio.run(listen(stage.base))["q"] > 0
        assert stage.interrupt() == 0
