"""What the page's server costs, and how late clients are told.

python -m benchmarks.stage [--seconds 30]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import aiohttp

from benchmarks.rows import Row

CLIENTS = 5
MODULO_S = 1e5  # by which the sender's clock is told in place of a quarter
PERCENT = 100


def rows(seconds: float = 30.0) -> Iterator[Row]:
    """Five pages that read, and the same with a sixth that does not."""
    for stalled in (0, 1):
        told, delays = asyncio.run(_measured(seconds, stalled))
        ordered = sorted(1000 * each for each in delays)
        late = f"{statistics.median(ordered):.1f} / {ordered[int(0.99 * len(ordered))]:.1f} ms"
        name = f"page: {CLIENTS} clients" + ", one more that reads nothing" * bool(stalled)
        yield Row(
            what=f"{name}, 86 positions a second: share of a core (idle); told late by, median / p99",
            ours=f"{PERCENT * told['busy']:.1f} % ({PERCENT * told['idle']:.1f} %); {late}",
            peer="",
            ratio="",
            agreement=f"at most {told['waiting']} messages wait for a client",
        )


async def _measured(seconds: float, stalled: int) -> tuple[dict[str, float], list[float]]:
    command = [sys.executable, "-m", "benchmarks.live.page_server", str(seconds), str(CLIENTS + stalled)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip().rstrip("/")
        delays: list[float] = []
        async with aiohttp.ClientSession() as client:
            tasks = [asyncio.create_task(_listen(client, address, delays)) for _ in range(CLIENTS)]
            idlers = [await _open(client, address) for _ in range(stalled)]
            line = await asyncio.to_thread(server.stdout.readline)
            await asyncio.gather(*tasks, return_exceptions=True)
            del idlers
    return json.loads(line), delays


async def _open(client: aiohttp.ClientSession, address: str) -> aiohttp.ClientWebSocketResponse:
    return await client.ws_connect(f"{address}/ws", headers={"Origin": address})


async def _listen(client: aiohttp.ClientSession, address: str, delays: list[float]) -> None:
    socket = await _open(client, address)
    async for message in socket:
        now_s = time.time() % MODULO_S
        told = json.loads(message.data)
        if told["t"] == "pos":
            delays.append(now_s - told["q"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stage", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    for each in rows(parser.parse_args().seconds):
        print(f"{each.what}: {each.ours} | {each.agreement}")
