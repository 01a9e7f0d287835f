"""Events are posted as JSON, again where the server fails, and never in the way of whoever gives them."""

from __future__ import annotations

import pytest

from engine.core.errors import ConfigError
from engine.core.events import Cue, Event, Position, Sound, State
from engine.stage.outward.post import PostOutlet
from engine.stage.outward.worker import Patience
from tests.engine.stage.outward.servers import until, web_server

RATE = 44100
QUICK = Patience(tries=3, first_s=0.001, longest_s=0.002, close_s=5.0)
EVENTS: list[Event] = [
    Sound(at=RATE, emitted_at=2 * RATE, label="dog", active=True, probability=0.75),
    State(at=0, emitted_at=0, name="lost", why="what sounds does not fit the score"),
    Cue(at=RATE, emitted_at=RATE, name="sea", quarter=12.0),
]


def test_sounds_states_and_cues_are_posted_as_their_lines() -> None:
    said: list[str] = []
    with web_server(500, 503) as server:
        outlet = PostOutlet(server.url + "/hook", RATE, said.append, QUICK)
        outlet.take(Position(at=0, emitted_at=0, quarter=1, bar=1, score_s=0, tempo_bpm=90, confidence=1), None)
        for event in EVENTS:
            outlet.take(event, None)
        until(lambda: len(server.asked) == 5, "two failures, three events")
        outlet.close()
    bodies = [body for _, _, _, body in server.asked]
    assert [body["type"] for body in bodies] == ["sound", "sound", "sound", "state", "cue"]
    assert bodies[2]["at_s"] == 1.0 and bodies[2]["label"] == "dog" and server.asked[0][1] == "/hook"
    assert [line.split(": ", 1)[1] for line in said] == [
        "the server answers 500 Internal Server Error; trying again",
        "the server answers 503 Service Unavailable; trying again",
        "works again",
    ]


def test_a_server_that_stands_still_blocks_nobody() -> None:
    said: list[str] = []
    with web_server() as server:
        server.gate.clear()
        outlet = PostOutlet(server.url, RATE, said.append, Patience(room=5, tries=1, close_s=0.0))
        for _ in range(50):
            outlet.take(EVENTS[0], None)
        outlet.close()
    assert said[0].endswith("5 wait already; more are lost") and "not sent at the end" in said[-1]


@pytest.mark.parametrize("url", ["ftp://a", "localhost", "http://a b", ""])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ConfigError, match="--post: expected a URL"):
        PostOutlet(url, RATE, print)
