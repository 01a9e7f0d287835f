"""A device that plays what a port is sent: on its sample, and silent when it closes."""

from __future__ import annotations

import ctypes
import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.accompaniment import speaker_port
from engine.accompaniment.speaker_port import SpeakerConfig, SpeakerPort
from engine.accompaniment.synthesiser import Synthesiser
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.audio.callback import Ctx
from engine.core.format import AudioFormat
from engine.core.shared_memory import N_COUNTERS, Counter
from engine.midi.notes import note_on

RATE, BLOCK = 48_000, 512
SOUND = SynthesiserConfig(engine="built-in")


class StillDevice:
    """A device whose samples the test takes itself."""

    settle_s, alive = 0.0, True

    def __init__(self, source: object, sink: object, sample_rate: int | None) -> None:
        self.sample_rate = RATE

    def start(self, context: Any, block: int) -> None:
        counters = (ctypes.c_int64 * N_COUNTERS).from_address(int(context[Ctx.COUNTERS]))
        counters[Counter.CALLBACKS], counters[Counter.LONGEST] = 4, BLOCK

    def stop(self) -> None:
        pass


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> SpeakerPort:
    monkeypatch.setattr(speaker_port, "backend", lambda name: SimpleNamespace(Stream=StillDevice))
    return SpeakerConfig(synthesiser=SOUND).open()


def take(port: SpeakerPort, n: int) -> np.ndarray:
    """Take n samples as a device does, waiting for those that are not rendered yet."""
    out = np.zeros((n, 2), np.float32)
    at = 0
    while at < n:
        n_read = port.ring.read(out[at:])
        at += n_read
        time.sleep(0 if n_read else 0.001)
    return out


def test_a_note_sounds_on_its_sample(port: SpeakerPort) -> None:
    port.outlet.scheduler.push(9600, note_on(0, 60, 100))
    played = take(port, 24_000)
    assert port.now() == 24_000
    synth = Synthesiser(AudioFormat(sample_rate=RATE, n_channels=2), SOUND)
    synth.send(9600, note_on(0, 60, 100))
    assert np.array_equal(played, synth.render(24_000))
    port.close()


def test_closing_silences_what_sounds(port: SpeakerPort) -> None:
    port.outlet.scheduler.push(4800, bytes((0xC0, 19)))
    port.outlet.scheduler.push(4800, note_on(0, 60, 100))
    assert np.abs(take(port, 9600)[-BLOCK:]).max() > 0.01
    closing = threading.Thread(target=port.close)
    closing.start()
    rest = []
    while closing.is_alive() or port.ring.n_readable:
        block = np.zeros((BLOCK, 2), np.float32)
        rest.append(block[: port.ring.read(block)])
        time.sleep(0.001)
    closing.join()
    sound = np.concatenate(rest)
    assert len(sound) > RATE // 50
    assert not np.abs(sound[-BLOCK:]).max() > 1e-4
