"""What the page's server costs, how late clients are told, and how far the cursor is behind the sound.

python -m benchmarks.stage [--seconds 30] [--first-page]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import music21
import numpy as np

from benchmarks.live.cursor import cursor_lag
from benchmarks.live.first_page import first_page
from benchmarks.live.turns import SLOWER, page_turns
from benchmarks.quality import SHARED
from benchmarks.rows import Row
from cli.demo.material import make_demo
from offline.synthesis.demo_piece import write_musicxml
from tests.cli.live.staged import staged
from tests.engine.stage.page.browser import chromium
from tests.jack_server import JackServer

CLIENTS = 5
PERIOD = 512
OUTWARD = ("--osc", "127.0.0.1:9", "--clock", "Clock", "--mtc", "Code", "--link", "lead")
LOADED = "benchmarks.live.loaded_stage"
CORPUS = Path(music21.__file__).parent / "corpus"
LONG_SCORES = (  # with what is asked, seconds
    (
        "Liszt, Transcendental Étude 10",
        next((SHARED / "alignment").glob("asap_Liszt*/score.musicxml"), Path("none")),
        5,
    ),
    ("Beethoven, Grosse Fuge", CORPUS / "beethoven" / "opus133.mxl", 12),
)
MODULO_S = 1e5  # by which the sender's clock is told in place of a quarter
PERCENT = 100


def rows(seconds: float = 30.0) -> Iterator[Row]:
    """The server alone, then the real command with the real page in a browser."""
    yield from _server(seconds)
    with tempfile.TemporaryDirectory() as folder:
        make_demo(Path(folder), seed=1)
        lag = cursor_lag(Path(folder), seconds)
    median, most = (1000 * float(np.percentile(lag.lag_s, share)) for share in (50, 95))
    told = 1000 * float(np.median(lag.heard_s))
    yield Row(
        what=f"page: a note sounds to cursor on it, {len(lag.lag_s)} onsets: median, 95 %; frames a second",
        ours=f"{median:.0f} / {most:.0f} ms; {lag.frames_per_s:.1f}",
        peer=f"{told:.0f} ms",
        ratio="",
        agreement=f"peer: until the position itself is told; the cursor goes back {lag.back} times",
    )
    yield _turns()
    yield from first_pages()
    yield from _drop_outs(seconds)


def first_pages() -> Iterator[Row]:
    """The demo, a long étude, and the longest score that is at hand, each engraved anew."""
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder) / "score.musicxml"
        write_musicxml(demo)
        for name, score, asked_s in (("demo", demo, 2), *LONG_SCORES):
            if not score.is_file():
                print(f"  no first page of {name}: no {score.name}")
                continue
            seen = first_page(score)
            yield Row(
                what=f"page: processor time to the first page, {name}, {seen.pages} pages on a tablet",
                ours=f"{seen.cpu_s:.1f} s",
                peer=f"{asked_s} s asked",
                ratio="",
                agreement=f"the command and its engraver, nothing kept from before; {seen.wall_s:.0f} s wall",
            )


def _drop_outs(seconds: float) -> Iterator[Row]:
    """All that shows and tells, on a JACK server, in a process whose Python is busy."""
    if missing := JackServer.missing():
        print(f"  no drop-outs: {missing}")
        return
    with tempfile.TemporaryDirectory() as folder, JackServer(period=PERIOD, realtime=True):
        score = Path(folder) / "score.musicxml"
        write_musicxml(score)
        command = (score, "--input", "jack", "--output", "jack", "--begin", "open", *OUTWARD)
        with staged(*command, module=LOADED) as stage, chromium() as browser:
            browser.open(stage.base)
            browser.ready()
            told = asyncio.run(_status_after(stage.base, seconds))
    drops = told["drops"]
    yield Row(
        what=f"audio drop-outs with page, OSC, clock, time code and Link, {PERIOD} frames, {seconds:.0f} s, under load",
        ours=f"input {drops['input']}, output {drops['output']}, device {drops['device']}, events {drops['events']}",
        peer="",
        ratio="",
        agreement=f"load: a thread of Python that never rests, in this process; {told['latency_ms']:.0f} ms latency",
    )


async def _status_after(base: str, seconds: float) -> dict[str, Any]:
    """The first status that speaks of so many seconds of sound."""
    async with aiohttp.ClientSession() as client, client.ws_connect(f"{base}/ws", headers={"Origin": base}) as page:
        async for message in page:
            told = json.loads(message.data)
            if told["t"] == "status" and told["state"] == "running" and told["seconds"] >= seconds:
                return dict(told)
    raise RuntimeError("the stage has ended")


def _turns() -> Row:
    turns = page_turns()
    return Row(
        what=f"page: {turns.pages} pages in a browser {SLOWER} times slower: frames without the page of the cursor",
        ours=f"{turns.missing} of {turns.frames}",
        peer="",
        ratio="",
        agreement=f"the longest frame lasts {1000 * turns.longest_s:.0f} ms",
    )


def _server(seconds: float) -> Iterator[Row]:
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
            for idler in idlers:
                idler.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                transport = idler._response.connection.transport  # type: ignore[union-attr]
                transport.pause_reading()
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
    parser.add_argument("--first-page", action="store_true", help="only the processor time to the first page")
    chosen = parser.parse_args()
    for each in first_pages() if chosen.first_page else rows(chosen.seconds):
        print(f"{each.what}: {each.ours} | {each.agreement}")
