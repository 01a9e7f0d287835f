"""Clients of the page: some read, some stall, some vanish: `python -m tests.soak.pages BASE`.

Two read all the time. Orders on the input: `stall` (three stop reading for STALL_S), `vanish` (five break off without
a word), `engrave W` (ask for the pages at a new width), `close` (all leave). Prints JSON lines: {"position": t} once a
second at most, {"status": ...} of the session, {"engraved": pages}, {"error": text}.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from typing import Any

import aiohttp

STALL_S, AGAIN_S = 15.0, 0.5


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


class Pages:
    """All clients."""

    def __init__(self, base: str, client: aiohttp.ClientSession) -> None:
        self.base, self.client = base, client
        self.told_s = 0.0

    def _open(self) -> Any:
        return self.client.ws_connect(f"{self.base}/ws", headers={"Origin": self.base})

    async def read(self) -> None:
        """Read for ever; come again when the server breaks off."""
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                async with self._open() as page:
                    async for message in page:
                        self._take(json.loads(message.data))
            await asyncio.sleep(AGAIN_S)

    def _take(self, told: dict[str, Any]) -> None:
        now = time.monotonic()
        if told["t"] == "pos" and now - self.told_s > 1:
            self.told_s = now
            say(position=now)
        elif told["t"] == "status":
            say(status=told["drops"], state=told["state"])

    async def stall(self) -> None:
        """Open, and read nothing for a while."""
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with self._open() as page:
                page._reader._protocol.pause_reading()
                await asyncio.sleep(STALL_S)
                page._response.connection.transport.abort()  # type: ignore[union-attr]

    async def vanish(self) -> None:
        """Open, and be gone."""
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with self._open() as page:
                await page.receive()
                page._response.connection.transport.abort()  # type: ignore[union-attr]

    async def engrave(self, width: int) -> None:
        """Ask for all pages at a width."""
        try:
            async with self.client.get(f"{self.base}/api/scores") as answer:
                score = (await answer.json())[0]["id"]
            ask = f"{self.base}/api/score/{score}/pages?w={width}&h=1000&scale=40&spread=1"
            while True:
                async with self.client.get(ask) as answer:
                    if answer.status == 202:
                        await asyncio.sleep(AGAIN_S)
                        continue
                    answer.raise_for_status()
                    return say(engraved=(await answer.json())["n_pages"], width=width)
        except (aiohttp.ClientError, OSError, ValueError, LookupError) as error:
            say(error=f"engrave: {error!r}")


async def main(base: str) -> None:
    """Take orders until the input ends."""
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as client:
        pages, tasks = Pages(base, client), set()
        tasks.update(asyncio.create_task(pages.read()) for _ in range(2))
        while word := (await loop.run_in_executor(None, sys.stdin.readline)).split():
            if word[0] == "close":
                break
            work = {"stall": [pages.stall] * 3, "vanish": [pages.vanish] * 5}
            begun = [each() for each in work.get(word[0], ())] or [pages.engrave(int(word[1]))]
            tasks.update(map(asyncio.create_task, begun))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    say(closed=True)
    sys.stdin.read()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
