"""A port that plays what is sent to it on an audio device, by the synthesiser. Use only in an expendable process.

It stands where a MIDI port stands (`engine.midi.port`): the same scheduler ends every note, and when whoever sends is
gone, all falls silent. The audio callback only moves samples; a thread renders a little ahead of it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.accompaniment.synthesiser import Synthesiser
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.audio.callback import context
from engine.audio.delivery import await_delivery
from engine.audio.devices import Device, backend
from engine.core.config import Settings, plain
from engine.core.format import AudioFormat
from engine.core.ring import READ, RingBuffer, private_ring
from engine.core.shared_memory import N_COUNTERS, Counter
from engine.core.thread_priority import raise_priority
from engine.midi.port import PRIORITY, MidiConfig, PortCore

__all__ = ["SpeakerConfig", "SpeakerPort"]

RING_S = 1.0
SLACK_S = 0.02  # seconds that the rendering may stand still before the device runs dry
CHUNK = 256  # samples that are rendered at once
NAP_S = 0.001
STILL_S = 2.0  # without a callback: the device has gone
FADE_S = 0.05  # after the end, rendered so that nothing is cut
CLOSE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerConfig(Settings):
    """Settings of a port that plays on an audio device."""

    device: Device = plain(Device, "audio device to play on")
    synthesiser: SynthesiserConfig = plain(SynthesiserConfig, "how it sounds")

    @property
    def name(self) -> str:
        """Return the name of the device, as the user knows it."""
        return self.device.name or "the default device"

    def open(self) -> SpeakerPort:
        """Open the device; DeviceError if it is not there, ConfigError for a soundfont that is none."""
        return SpeakerPort(self)


class SpeakerPort:
    """An open device with a synthesiser before it; times are samples that the device has taken."""

    backend = "synthesiser"
    origin: int | None = None  # not on JACK's clock
    output_name = ""

    def __init__(self, config: SpeakerConfig) -> None:
        self.config = config
        device = config.device
        self._stream: Any = backend(device.backend).Stream(None, device, None)
        rate = self._stream.sample_rate
        self.outlet = PortCore.of(MidiConfig(listen=False), rate)
        self._synth = Synthesiser(AudioFormat(sample_rate=rate, n_channels=device.n_channels), config.synthesiser)
        self._counters = np.zeros(N_COUNTERS, np.int64)
        self._ring = private_ring(round(RING_S * rate), device.n_channels)
        self._context = context(self._counters, None, self._ring)
        self._rendered = 0
        self._failed = ""
        self._seen = (0, time.monotonic())  # callbacks, and when their number changed
        self._closing, self._ended = threading.Event(), threading.Event()
        self._fill()  # compiles what it calls, before the stream opens
        self._stream.start(self._context, 0)
        await_delivery(self._stream, self._counters)
        self._thread = threading.Thread(target=self._run, daemon=True, name="synthesiser")
        self._thread.start()

    @property
    def ring(self) -> RingBuffer:
        """Return the ring between the synthesiser and the device."""
        return self._ring

    def now(self) -> int:
        """Return the samples that the device has taken since the port opened."""
        return int(self._ring.head[READ])

    @property
    def gone(self) -> str:
        """Return why the port cannot play any more, empty while it can."""
        n, now_s = int(self._counters[Counter.CALLBACKS]), time.monotonic()
        if n != self._seen[0]:
            self._seen = (n, now_s)
        ended = self._counters[Counter.SHUTDOWN] or not self._stream.alive or now_s - self._seen[1] > STILL_S
        return self._failed or ("the device is gone" if ended else "")

    @property
    def idle(self) -> bool:
        """Return whether everything has been sent and has sounded."""
        return self.outlet.scheduler.idle

    def listeners(self) -> list[str]:
        """Return the name of the device."""
        return [self.config.name]

    def _run(self) -> None:
        """Keep the ring filled until the port closes, then fade out."""
        raise_priority(PRIORITY)
        try:
            self._fill()
            self._counters[Counter.ARMED] = 1
            while not self._closing.is_set():
                self._fill()
                self.outlet.scheduler.n_lost_cycles = int(self._counters[Counter.N_UNDERFLOWS])
                time.sleep(NAP_S)
            self._synth.silence()
            self._ring.write(self._synth.render(round(FADE_S * self.outlet.sample_rate)))
        except Exception as error:  # reported by `gone`, else the port would play silence for ever
            self._failed = f"the synthesiser has failed: {error}"
        self._counters[Counter.ENDED] = 1
        self._ended.set()

    def _fill(self) -> None:
        ahead = int(self._counters[Counter.LONGEST]) + round(SLACK_S * self.outlet.sample_rate)
        while self._ring.n_readable < min(ahead, len(self._ring.data) - CHUNK) and not self._closing.is_set():
            for at, message in self.outlet.due(self._rendered, self._rendered + CHUNK):
                self._synth.send(at, message)
            self._ring.write(self._synth.render(CHUNK))
            self._rendered += CHUNK

    def close(self) -> None:
        """Silence everything, wait until that has been played, and close."""
        self._closing.set()
        self._ended.wait(CLOSE_S)
        limit_s = time.monotonic() + CLOSE_S
        while self._ring.n_readable and not self.gone and time.monotonic() < limit_s:
            time.sleep(NAP_S)
        self._stream.stop()
