"""A review: what was followed, read back from its lines; and the recording by parts."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import soundfile

from engine.audio.event_log import EventWriter
from engine.core.errors import EngineError
from engine.core.events import Dropout, Position, State
from engine.stage.controls.stage_controls import StageControls
from engine.stage.server.review import STEP_S, read_review
from engine.stage.server.shelf import StageShelf
from engine.stage.server.stage_server import ServerConfig, StageServer
from tests.engine.stage.server.served import STATIC, base, talk

RATE, SECONDS = 8000, 2


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, Path]:
    """A recording and its events: a position every 10 ms."""
    take, events = tmp_path / "take.flac", tmp_path / "take.jsonl"
    soundfile.write(take, np.zeros(SECONDS * RATE), RATE)
    with EventWriter(events, RATE) as writer:
        writer.write(State(at=0, emitted_at=0, name="following", why="what sounds fits the score"))
        for at in range(0, SECONDS * RATE, RATE // 100):
            quarter = at / RATE
            writer.write(
                Position(at=at, emitted_at=at, quarter=quarter, bar=1, score_s=quarter, tempo_bpm=60.0, confidence=1.0)
            )
        writer.write(Dropout(at=RATE, emitted_at=RATE, samples=10, where="input"))
    return take, events


def test_positions_are_thinned_and_all_else_is_kept(run: tuple[Path, Path]) -> None:
    body = read_review(*run).body
    times = np.array([row[0] for row in body["positions"]])
    assert np.diff(times).min() >= STEP_S - 1e-6 and times[-1] > SECONDS - 2 * STEP_S
    assert body["duration_s"] == SECONDS
    assert [state["name"] for state in body["states"]] == ["following"]
    assert [event["type"] for event in body["events"]] == ["dropout"]


def test_a_last_line_that_is_cut_off_is_left_out_but_no_other(run: tuple[Path, Path]) -> None:
    take, events = run
    lines = events.read_text().splitlines()
    events.write_text("\n".join([*lines, lines[0][:20]]))
    assert read_review(take, events).body["states"]
    events.write_text("\n".join([lines[0][:20], *lines]))
    with pytest.raises(EngineError, match="line 1"):
        read_review(take, events)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"RIFF\nnot json\n"])
def test_what_are_no_events_is_refused(run: tuple[Path, Path], content: bytes) -> None:
    take, events = run
    events.write_bytes(content)
    with pytest.raises(EngineError):
        read_review(take, events)


def test_the_page_gets_it_and_parts_of_the_recording(run: tuple[Path, Path], tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    review = read_review(*run)
    config = ServerConfig(port=0, mode="review")
    server = StageServer(config, StageControls([]), StageShelf([], uploads), review=review, static=STATIC)
    server.start()
    try:

        async def look(client: aiohttp.ClientSession) -> tuple[dict[str, Any], int, bytes, str]:
            async with client.get(f"{base(server)}/api/review") as answer:
                body = dict(await answer.json())
            headers = {"Range": "bytes=4-7"}
            async with client.get(f"{base(server)}/api/review/audio", headers=headers) as answer:
                return body, answer.status, await answer.read(), answer.headers["Content-Type"]

        body, status, part, kind = talk(server, look)
    finally:
        server.close()
    assert body["audio"] == "/api/review/audio" and body["positions"]
    assert (status, part, kind) == (HTTPStatus.PARTIAL_CONTENT, run[0].read_bytes()[4:8], "audio/flac")
