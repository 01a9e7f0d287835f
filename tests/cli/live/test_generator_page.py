"""The page of a generator: the notes it is told, the parameters that it sets, stop and start."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from cli.live.generator_page import GeneratorPage, WrittenNotes, generator_page, live_parameters, set_live
from cli.live.live_generator import LiveGenerator, LiveGeneratorConfig
from cli.live.page_place import PagePlace
from engine.core.errors import EngineError
from engine.stage.controls.stage_controls import StageControls
from engine.stage.server.access import StageRole
from engine.stage.server.commands import obey, read_message
from offline.generation.config import GeneratorConfig
from offline.generation.stream import Segment
from tests.cli.live.test_live_generator import RATE, Recorder, Scale
from tests.engine.stage.page.browser import WIDE, chromium, eventually
from tests.optional import optional

for package in ("aiohttp", "verovio", "segno", "cryptography"):
    optional(package)

SIXTEENTHS = 4


class Tunable(Scale):
    """A scale with the settings of a system."""

    def __init__(self) -> None:
        super().__init__()
        self.config, self.activity = GeneratorConfig(temperature=0.6), 1.2


def test_notes_last_until_they_end_and_those_that_sound_are_told_as_far_as_they_are_written() -> None:
    notes = WrittenNotes(SIXTEENTHS)
    notes.take(0, Segment(n_steps=4, changes=((0, 0, 60, 80), (0, 1, 48, 80), (2, 0, 60, 0), (2, 0, 60, 80))))
    assert notes.since(0.0) == [[0, 0.5, 60, 0], [0, 1, 48, 1], [0.5, 0.5, 60, 0]]
    notes.take(4, Segment(n_steps=4, changes=((0, 0, 60, 0), (3, 1, 48, 0))))
    assert notes.since(0.0) == [[0, 0.5, 60, 0], [0, 1.75, 48, 1], [0.5, 0.5, 60, 0]]
    assert notes.since(1.0) == [[0, 1.75, 48, 1]] and notes.end == 8


def test_music_is_written_ahead_a_segment_at_a_time_and_sounds_when_it_did_before() -> None:
    def sent(ahead_s: float) -> list[tuple[int, bytes]]:
        sink = Recorder()
        player = LiveGenerator(Scale(), sink, LiveGeneratorConfig(ahead_s=ahead_s))
        written = []
        for sink.time in range(0, 3 * RATE, 480):
            before = player.step
            player.advance()
            written.append(player.step - before)
        assert max(written) <= 2
        assert (player.at(player.step) or 0) >= 3 * RATE + round(ahead_s * RATE)
        return sink.sent

    assert sent(2.0) == sent(0.0)


def test_another_tempo_goes_on_from_the_same_place() -> None:
    sink = Recorder()
    player = LiveGenerator(Scale(), sink, LiveGeneratorConfig(tempo_bpm=60, start_s=0))
    sink.time = 2 * RATE
    assert player.quarter == pytest.approx(2.0)
    player.set_tempo(120)
    assert player.quarter == pytest.approx(2.0)
    sink.time = 3 * RATE
    assert player.quarter == pytest.approx(4.0)


def test_only_what_a_system_heeds_can_be_set_and_within_its_range() -> None:
    source = Tunable()
    controls, heard = StageControls(["generate"]), list[tuple[str, float]]()
    controls.parameters = live_parameters(source, ("temperature", "rules"), None)
    controls.act = lambda name, value: heard.append((name, value))
    obey(controls, read_message('{"t": "parameter", "name": "temperature", "value": 1.5}', StageRole.CONTROLLER))
    assert heard == [("temperature", 1.5)]
    for name, value in (("activity", 1.0), ("temperature", 0.0), ("temperature", 99.0)):
        with pytest.raises(EngineError):
            controls.parameter(name, value)
    with pytest.raises(EngineError, match="generator"):
        StageControls(["follow"]).parameter("temperature", 1.0)
    set_live(source, "temperature", 1.5)
    assert source.config.temperature == 1.5


class Clocked(Recorder):
    """A sink on the clock of this machine."""

    def now(self) -> int:
        return round(time.monotonic() * RATE)


@pytest.fixture
def page() -> Iterator[GeneratorPage]:
    source = Tunable()
    parameters = live_parameters(source, ("temperature", "activity"), 100.0)
    ending, stopped = threading.Event(), threading.Event()
    with generator_page(PagePlace(host=None, port=0, browser=False), "Scale", parameters) as made:
        player = LiveGenerator(source, Clocked(), LiveGeneratorConfig(ahead_s=5.0))
        made.attach(player, source)

        def play() -> None:
            while not ending.wait(0.01):
                if made.controls.halt.is_set():
                    stopped.set()
                    if not made.wait(ending):
                        return
                player.advance()
                made.look()

        thread = threading.Thread(target=play)
        thread.start()
        yield made
        ending.set()
        thread.join()


@pytest.mark.slow
def test_the_page_shows_what_plays_and_what_comes_and_sets_parameters(page: GeneratorPage) -> None:
    optional("selenium")
    with chromium() as browser:
        browser.open(page.server.address("127.0.0.1"), WIDE)
        browser.until("document.body.dataset.view == 'generator'")
        browser.until("['past', 'now', 'written'].every(each => document.querySelector(`.generated-note.${each}`))")
        browser.until("document.querySelector('.strip-state').innerText.includes('bar')")  # so many ahead
        assert browser.js("[...document.querySelectorAll('.voices li')].map(li => li.innerText.slice(1).trim())") == [
            "Soprano", "Alto", "Tenor", "Bass",
        ]  # fmt: skip
        browser.js("document.querySelector('.generator-side [role=slider]').focus()")
        browser.press("ArrowRight")
        eventually(lambda: page.controls.parameters["temperature"].value > 0.6, "another temperature")
        browser.until("document.querySelector('.generator-side').innerText.includes('is heard from bar')")
        browser.click(".generator-side .bar-main")
        browser.until("document.querySelector('.strip-word').textContent == 'Stopped'")
        browser.click(".generator-side .bar-main")
        browser.until("document.querySelector('.strip-word').textContent == 'Playing'")
        assert not browser.complaints()


def test_what_was_stopped_starts_again() -> None:
    ending = threading.Event()
    with generator_page(PagePlace(host=None, port=0, browser=False), "Scale", {}) as made:
        made.attach(LiveGenerator(source := Tunable(), Recorder(), LiveGeneratorConfig()), source)
        made.controls.stop()

        def press() -> None:
            while made.controls.running:  # until the player has noticed
                time.sleep(0.001)
            made.controls.start()

        threading.Thread(target=press, daemon=True).start()
        assert made.wait(ending)
        assert made.controls.running and not made.controls.halt.is_set()
        ending.set()
        assert not made.wait(ending)
