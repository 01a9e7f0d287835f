"""A file without a sound device: at its own pace, its events when they are heard, and orders on the way."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.devices import SILENT, Device
from engine.core.errors import ConfigError
from engine.core.events import Position
from engine.core.orders import GoTo, SetPace
from engine.core.shared_memory import Layout, SharedMemory, anonymous_file
from engine.pipeline.pipeline import PipelineConfig
from engine.realtime.session import Session, SessionConfig, SessionStatus
from engine.realtime.states import SessionEnd
from tests.engine.following.play import RATE, scale, sound

SECONDS = 4.0


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    audio, _ = sound(scale(24))
    path = tmp_path_factory.mktemp("take") / "take.wav"
    soundfile.write(path, audio[: round(SECONDS * RATE)], RATE)
    return path


def config(take: Path) -> SessionConfig:
    return SessionConfig(
        source=take,
        sink=Device(backend=SILENT, n_channels=1),
        pipeline=PipelineConfig(score=scale(24)),
        as_heard=True,
    )


@pytest.mark.slow
def test_events_come_when_they_are_heard_and_the_file_ends(take: Path) -> None:
    session = Session(config(take))
    ahead: list[float] = []

    def on_event(event: object) -> None:
        clock = session.clock
        if isinstance(event, Position) and clock is not None:
            ahead.append((event.emitted_at - clock.now()) / RATE)

    report = session.run(on_event=on_event)
    assert report.ended is SessionEnd.FILE and report.n_samples == round(SECONDS * RATE)
    assert max(ahead) <= 0.0  # none before its time
    assert len(ahead) > 80 * SECONDS * 0.9


@pytest.mark.slow
def test_an_order_reaches_the_follower_and_levels_come_back(take: Path) -> None:
    session, stop = Session(config(take)), threading.Event()
    quarters: list[float] = []
    levels: list[dict[str, float]] = []

    def on_event(event: object) -> None:
        if isinstance(event, Position):
            quarters.append(event.quarter)
            if len(quarters) == 100:
                session.order(GoTo(9.0))
            if quarters[-1] > 8.9:
                stop.set()

    def on_status(status: SessionStatus) -> None:
        levels.append(session.levels())

    report = session.run(on_event=on_event, on_status=on_status, stop=stop)
    assert report.ended is SessionEnd.STOPPED
    assert max(quarters[:100]) < 8 and quarters[-1] == pytest.approx(9.0, abs=1e-3)
    assert max(each.get("input", 0.0) for each in levels) > 0.01


def test_more_orders_than_fit_are_refused_and_what_lasts_is_kept() -> None:
    session = Session(config(Path("none.wav")))
    session.order(SetPace(0.5))
    assert session.levels() == {}
    session._memory = SharedMemory(anonymous_file(), Layout(record_rows=1, record_width=1, event_bytes=64), create=True)
    with pytest.raises(ConfigError, match="too many"):
        for _ in range(10_000):
            session.order(GoTo(1.0))
    assert list(session._orders.values()) == [SetPace(0.5)]
    assert np.all(session._memory.levels == 0)
