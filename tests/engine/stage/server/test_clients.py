"""What clients are told: the newest position, every event, who turns; and a stalled one harms nobody."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from engine.core.errors import ConfigError
from engine.core.events import Position, Sound, State
from engine.core.orders import GoTo
from engine.stage.server.access import StageRole
from engine.stage.server.commands import read_message
from engine.stage.server.outbox import N_EVENTS, StageMessage, StageOutbox
from engine.stage.server.stage_server import StageServer
from tests.engine.stage.server.served import ANSWER_S, HeardSession, next_of, opened, served, talk

RATE = 44_100


def position(quarter: float) -> Position:
    at = round(quarter * RATE)
    return Position(
        at=at, emitted_at=at + 4410, quarter=quarter, bar=1, score_s=quarter, tempo_bpm=60.0, confidence=0.9
    )


def state(name: str) -> State:
    return State(at=0, emitted_at=0, name=name, why="")


async def waited(server: StageServer, n: int) -> None:
    while server.n_clients != n:
        await asyncio.sleep(0.01)


def test_the_newest_of_a_kind_wins_and_events_wait_in_order() -> None:
    async def run() -> tuple[list[str], int]:
        box = StageOutbox()
        for i in range(5):
            box.put(StageMessage("pos", {"q": i}))
            box.add(StageMessage("sound", {"n": i}))
        return [(await box.take()).text for _ in range(6)], len(box)

    texts, left = asyncio.run(run())
    assert [json.loads(text) for text in texts] == [*({"t": "sound", "n": i} for i in range(5)), {"t": "pos", "q": 4}]
    assert left == 0


def test_no_queue_grows() -> None:
    async def run() -> tuple[int, int, list[int]]:
        box = StageOutbox()
        for i in range(10 * N_EVENTS):
            box.put(StageMessage("pos", {"q": i}))
            box.add(StageMessage("sound", {"n": i}))
        return len(box), box.n_missed, [json.loads((await box.take()).text)["n"] for _ in range(2)]

    assert asyncio.run(run()) == (N_EVENTS + 1, 9 * N_EVENTS, [9 * N_EVENTS, 9 * N_EVENTS + 1])


def test_an_age_grows_while_its_message_waits() -> None:
    message = StageMessage("pos", {"q": 1.0, "age": 0.1})
    message.made_s -= 2.0
    assert json.loads(message.now())["age"] >= 2.1
    assert json.loads(message.text)["age"] == 0.1


def test_a_session_is_seen(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.controls.prepare()
        server.controls.attach(HeardSession())

        async def watch(client: aiohttp.ClientSession) -> list[dict[str, Any]]:
            page = await opened(client, server)
            hello = await next_of(page, "hello")
            server.take(position(1.5), None)
            server.take(Sound(at=RATE, emitted_at=RATE, label="dog", active=True, probability=0.75), None)
            found: dict[str, Any] = {}
            while not found.keys() >= {"pos", "sound", "levels"}:  # in whichever order
                message = json.loads(await page.receive_str(timeout=ANSWER_S))
                found.setdefault(message["t"], message)
            return [hello, found["pos"], found["sound"], found["levels"]]

        server.begin(None, server._beats)
        server.count_samples(RATE)
        hello, place, sound, levels = talk(server, watch)
    assert hello["role"] == "controller" and hello["master"] and hello["running"]
    assert place["q"] == 1.5 and place["beat"] == 2 and place["age"] == pytest.approx(0.1, abs=0.001)
    assert sound == {
        "t": "sound", "at_s": 1.0, "emitted_at_s": 1.0, "label": "dog", "active": True, "probability": 0.75,
        "retracted": False,
    }  # fmt: skip
    assert levels["targets"] == {"harmonic": 0.5, "percussive": 0.5}


def test_a_newcomer_is_told_the_state(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.take(state("following"), None)
        server.take(state("lost"), None)

        async def join(client: aiohttp.ClientSession) -> str:
            return str((await next_of(await opened(client, server), "state"))["name"])

        assert talk(server, join) == "lost"


def test_controls_reach_the_session_and_all_clients(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        session = HeardSession()
        server.controls.attach(session)

        async def move(client: aiohttp.ClientSession) -> dict[str, Any]:
            first, second = await opened(client, server), await opened(client, server)
            await next_of(second, "controls")
            await first.send_str('{"t":"gain","target":"harmonic","db":-20}')
            while not (desk := await next_of(second, "controls"))["gains"]:
                pass
            await first.send_str('{"t":"from","q":12.5}')
            await first.send_str('{"t":"ping"}')
            await next_of(first, "pong")
            return desk

        desk = talk(server, move)
    assert desk["gains"] == {"harmonic": -20.0}
    assert session.gains["harmonic"] == pytest.approx(0.1)
    assert session.orders == [GoTo(12.5)]


def test_the_master_turns_for_those_who_follow(tmp_path: Path) -> None:
    with served(tmp_path) as server:

        async def turn(client: aiohttp.ClientSession) -> list[int]:
            master, follower, free = [await opened(client, server) for _ in range(3)]
            await free.send_str('{"t":"own","on":true}')
            await free.send_str('{"t":"ping"}')
            await next_of(free, "pong")
            await follower.send_str('{"t":"turn","page":9,"q":1}')  # who does not lead turns for nobody
            await follower.send_str('{"t":"ping"}')
            await next_of(follower, "pong")
            await master.send_str('{"t":"turn","page":2,"q":4.5}')
            told = [(await next_of(follower, "turn"))["page"]]
            await master.send_str('{"t":"ping"}')
            await next_of(master, "pong")
            server.take(state("ended"), None)
            while (message := json.loads(await free.receive_str()))["t"] != "state":
                assert message["t"] != "turn"
            await master.close()
            hello = await next_of(follower, "hello")
            while not hello["master"]:
                hello = await next_of(follower, "hello")
            return told

        assert talk(server, turn) == [2]


def test_a_stalled_client_harms_none_and_no_queue_grows(tmp_path: Path) -> None:
    """One reads nothing at all, while more is sent than the system holds; the other gets the last position at once."""
    n = 500
    with served(tmp_path) as server:

        async def stall(client: aiohttp.ClientSession) -> tuple[float, int]:
            deaf = socket.socket()
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", server.port))
            reader, writer = await asyncio.open_connection(sock=deaf)
            ask = (
                f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: http://127.0.0.1:{server.port}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            writer.write(ask.encode())
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            page = await opened(client, server)
            await waited(server, 2)
            last = 0.0
            for i in range(n):
                server.say("x" * 1000)
                server.take(position(i / 8), None)
                while last < i / 8:
                    last = (await next_of(page, "pos"))["q"]
            boxes = [len(each.outbox) for each in server._clients._clients.values()]
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return last, max(boxes)

        last, longest = talk(server, stall)
    assert last == (n - 1) / 8
    assert N_EVENTS <= longest <= N_EVENTS + 8  # the stalled one keeps so many lines, and its newest position


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{", '{"t":1}', '{"t":"jump"}', '{"t":"from"}', '{"t":"from","q":"1"}', '{"t":"from","q":true}',
        '{"t":"from","q":1,"x":2}', '{"t":"from","q":NaN}', '{"t":"loop","bars":[1]}', '{"t":"bar","number":1.5}',
        '{"t":"mute","target":"a","on":1}', '{"t":"choose","id":"' + "a" * 300 + '"}', "[" * 4000,
    ],
)  # fmt: skip
def test_a_message_has_exactly_its_fields(text: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_message(text, StageRole.CONTROLLER)
    assert len(str(error.value)) < 400 and "\n" not in str(error.value)
