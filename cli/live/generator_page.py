"""The page beside a generator that plays live: what plays, what comes, and what it writes by."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from cli.live.live_generator import LiveGenerator
from cli.live.page_place import PagePlace, announce_page, check_page, page_config, page_content, uploads_folder
from engine.realtime.session_types import SessionStatus
from engine.realtime.states import SessionState
from engine.stage.controls.generation import LiveParameter
from engine.stage.controls.stage_controls import StageControls
from engine.stage.server.messages import BeatCounter
from engine.stage.server.outbox import StageMessage
from engine.stage.server.shelf import StageShelf
from engine.stage.server.stage_server import StageServer
from offline.generation.stream import Generator, Segment

__all__ = ["GeneratorPage", "WrittenNotes", "generator_page", "live_parameters"]

PLACES_S, PLANS_S = 0.07, 0.25  # between two messages of where the music is, and of what is written
PAST_BARS = 3  # that are still told
WAIT_S = 0.1  # between two looks for a start
TEMPERATURE = LiveParameter(
    name="temperature", label="Temperature", value=0.7, min=0.05, max=2, step=0.05, low="safe", high="daring"
)
MOVEMENT = LiveParameter(name="activity", label="Movement", value=1, min=0.1, max=3, step=0.1, low="still", high="busy")
TEMPO = LiveParameter(name="tempo", label="Tempo", value=100, min=30, max=240, step=1, low="slow", high="fast")


def live_parameters(generator: Generator, heeds: tuple[str, ...], tempo_bpm: float | None) -> dict[str, LiveParameter]:
    """What can be set of a system that heeds these settings; tempo_bpm: None where a clock sets it."""
    found = []
    if "temperature" in heeds:
        found.append(replace(TEMPERATURE, value=generator.config.temperature))  # type: ignore[attr-defined]
    if "activity" in heeds:
        found.append(replace(MOVEMENT, value=generator.activity))  # type: ignore[attr-defined]
    if tempo_bpm is not None:
        found.append(replace(TEMPO, value=tempo_bpm))
    return {each.name: each for each in found}


def set_live(generator: Generator, name: str, value: float) -> None:
    """Have a generator write by this value from its next segment on."""
    if name == "temperature":
        generator.config = replace(generator.config, temperature=value)  # type: ignore[attr-defined]
    else:
        generator.activity = value  # type: ignore[attr-defined]


class WrittenNotes:
    """Collect the notes of segments."""

    def __init__(self, steps_per_quarter: int) -> None:
        self._per_quarter = steps_per_quarter
        self._notes: list[tuple[int, int, int, int]] = []  # begin, end, pitch, voice
        self._open: dict[tuple[int, int], int] = {}  # voice and pitch: where it began
        self.end = 0  # first step that is not written

    def take(self, step: int, segment: Segment) -> None:
        """Take a segment that begins at a step."""
        for at, voice, pitch, velocity in sorted(segment.changes, key=lambda change: (change[0], change[3] > 0)):
            begin = self._open.pop((voice, pitch), None)
            if begin is not None and step + at > begin:
                self._notes.append((begin, step + at, pitch, voice))
            if velocity:
                self._open[voice, pitch] = step + at
        self.end = step + max(segment.n_steps, 1)

    def since(self, quarter: float) -> list[list[float]]:
        """Return the notes (quarter, duration, pitch, voice) that sound after a quarter, and forget those before."""
        self._notes = [note for note in self._notes if note[1] > quarter * self._per_quarter]
        held = [(begin, self.end, pitch, voice) for (voice, pitch), begin in self._open.items() if begin < self.end]
        rows = sorted([*self._notes, *held])
        return [[a / self._per_quarter, (b - a) / self._per_quarter, pitch, voice] for a, b, pitch, voice in rows]


class GeneratorPage:
    """Tell the page of a player, and let it set parameters, stop and start."""

    def __init__(self, server: StageServer, controls: StageControls, system: str) -> None:
        self.server, self.controls, self._system = server, controls, system
        self._changes: SimpleQueue[tuple[str, float]] = SimpleQueue()
        self._player: LiveGenerator | None = None
        self._source: Generator | None = None
        self._notes = WrittenNotes(4)
        self._told_s = self._planned_s = 0.0
        self._told_end = -1
        controls.act = lambda name, value: self._changes.put((name, value))

    def attach(self, player: LiveGenerator, source: Generator) -> None:
        """Take the player, and the source whose settings are changed."""
        self._player, self._source = player, source
        self._notes = WrittenNotes(player.generator.steps_per_quarter)
        player.written = self._notes.take
        self.begin()

    def begin(self) -> None:
        """Say that the music begins, or goes on."""
        self.controls.prepare()
        self.server.begin(None, BeatCounter())
        self._told_end = -1
        self._tell_parameters(None)

    @property
    def _bar(self) -> float:
        """Quarters a bar."""
        assert self._player is not None
        beats, unit = self._player.generator.metre
        return 4 * beats / unit

    def look(self) -> None:
        """Do what was set, and tell what is new; to be called often."""
        assert self._player is not None
        self._obey()
        now_s = time.monotonic()
        quarter = self._player.quarter
        self.server.look(SessionStatus(state=SessionState.RUNNING))
        if quarter is not None and now_s - self._told_s > PLACES_S:
            self._told_s = now_s
            self.server.tell(self._place(max(quarter, 0.0)))
        if self._notes.end != self._told_end and now_s - self._planned_s > PLANS_S:
            self._planned_s, self._told_end = now_s, self._notes.end
            self.server.tell(StageMessage("plan", self._plan(quarter or 0.0)), lasting=True)

    def _place(self, quarter: float) -> StageMessage:
        assert self._player is not None
        player, bar = self._player, self._bar
        tempo = player.follower.tempo_bpm if player.config.follow else player.tempo_bpm
        body = {"q": round(quarter, 4), "bar": int(quarter // bar) + 1, "beat": int(quarter % bar) + 1}
        return StageMessage("pos", {**body, "bpm": round(tempo or 0.0, 2), "conf": 1.0, "age": 0.0})

    def _plan(self, quarter: float) -> dict[str, Any]:
        assert self._player is not None
        bar, written = self._bar, self._notes.end / self._player.generator.steps_per_quarter
        return {
            "notes": self._notes.since(quarter - PAST_BARS * bar),
            "voices": list(self._player.generator.names),
            "written": written,
            "bar": bar,
            "first": 1,
            "ahead": max(0, int((written - quarter) // bar)),
        }

    def _obey(self) -> None:
        assert self._player is not None and self._source is not None
        while not self._changes.empty():
            name, value = self._changes.get()
            if name == "tempo":
                self._player.set_tempo(value)
            else:
                set_live(self._source, name, value)
            known = self.controls.parameters
            self.controls.parameters = {**known, name: replace(known[name], value=value)}
            written = self._notes.end / self._player.generator.steps_per_quarter
            self._tell_parameters(None if name == "tempo" else int(written // self._bar) + 1)

    def _tell_parameters(self, heard_from: int | None) -> None:
        names = ("name", "label", "value", "min", "max", "step", "low", "high")
        rows = [{name: getattr(each, name) for name in names} for each in self.controls.parameters.values()]
        body = {"system": self._system, "rows": rows, "heard_from": heard_from}
        self.server.tell(StageMessage("parameters", body), lasting=True)

    def wait(self, stop: threading.Event) -> bool:
        """Wait for a start from the page; return whether it came before the stop."""
        self.controls.detach()
        self.server.end()
        while not stop.is_set():
            try:
                wish = self.controls.wishes.get(timeout=WAIT_S)
            except Empty:
                continue
            if wish.name == "start":
                self.begin()
                return True
        return False


@contextmanager
def generator_page(place: PagePlace, system: str, parameters: dict[str, LiveParameter]) -> Iterator[GeneratorPage]:
    """Serve the page until the music ends."""
    check_page(place)
    with uploads_folder() as uploads:
        controls = StageControls(["generate"])
        controls.parameters = parameters
        shelf = StageShelf([], Path(uploads))
        server = StageServer(page_config(place, "live"), controls, shelf, static=page_content())
        server.start()
        try:
            announce_page(place, server)
            yield GeneratorPage(server, controls, system)
        finally:
            server.close()
