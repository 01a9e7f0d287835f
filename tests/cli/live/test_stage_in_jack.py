"""A minute on a JACK server, with the page in a browser, OSC, clock, time code and Link: nothing is lost."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.cli.live.stage_music import written
from tests.cli.live.staged import staged
from tests.engine.stage.page.browser import chromium
from tests.jack_server import JackServer

SECONDS = 60.0
OUTWARD = ("--osc", "127.0.0.1:9", "--clock", "Clock", "--mtc", "Code", "--link", "lead")
pytestmark = [pytest.mark.jack, pytest.mark.slow]


async def status_after(base: str, seconds: float) -> dict[str, Any]:
    """The first status that speaks of so many seconds of sound."""
    async with aiohttp.ClientSession() as client, client.ws_connect(f"{base}/ws", headers={"Origin": base}) as page:
        async for message in page:
            told = json.loads(message.data)
            if told["t"] == "status" and told["state"] == "running" and told["seconds"] >= seconds:
                return dict(told)
    raise AssertionError("the stage has ended")


def test_no_sound_is_lost_while_all_that_shows_and_tells_runs(tmp_path: Path) -> None:
    if missing := JackServer.missing():
        pytest.skip(missing)
    score = written(tmp_path)
    command = (score, "--input", "jack", "--output", "jack", "--begin", "open", *OUTWARD)
    with JackServer(period=512, realtime=True), staged(*command) as stage, chromium() as browser:
        browser.open(stage.base)
        browser.ready()
        browser.until("document.body.innerText.includes('Waiting for you')")
        told = asyncio.run(status_after(stage.base, SECONDS))
        assert stage.interrupt() == 0
    assert told["drops"] == {"device": 0, "input": 0, "output": 0, "events": 0}
