"""A General MIDI synthesiser on a clock of samples: messages in at their sample, sound out, the same for every cut.

A message takes effect at the next multiple of 64 samples of the rendering, counted from sample 0: at 48 kHz 0.67 ms
late on average. FluidSynth renders at 8 to 96 kHz; the sound is resampled to any other rate.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import replace
from itertools import count
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.accompaniment.additive import AdditiveSynth
from engine.accompaniment.fluidsynth import (
    DRUMS,
    FLUIDSYNTH_REMEDY,
    HIGHEST_HZ,
    LOWEST_HZ,
    FluidSynth,
    has_fluidsynth,
)
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.audio.soundfont import find_soundfont
from engine.core.arrays import F32
from engine.core.errors import ConfigError, warn_about
from engine.core.format import AudioFormat
from engine.dsp.resample import ResampleConfig, Resampler

__all__ = ["SYNTH_GRID", "SoundSource", "Synthesiser", "open_source", "settled_engine"]

SYNTH_GRID = 64  # samples: FluidSynth's own
RUN = 1024  # samples that are rendered at once, a multiple of the grid
FADE_S = 0.02  # in which what sounds ends when it is silenced: no click
OCTAVE, TOP_KEY = 12, 127
NOTE_KINDS = (0x80, 0x90, 0xA0)  # messages with a key
BANK, PEDALS, FIRST_MODE = (0, 32), (64, 66, 67, 69), 120  # controllers
RESET_CONTROLLERS = 121

Audio = npt.NDArray[np.float32]


class SoundSource(Protocol):
    """What makes the sound, in stereo, by blocks whose lengths are multiples of 64 samples."""

    def take(self, message: bytes) -> None:
        """Apply a channel message before the next sample."""
        ...

    def render(self, out: F32) -> None:
        """Fill out (sample, 2)."""
        ...

    def silence(self) -> None:
        """End every note and echo, and forget programs and controllers."""
        ...

    def reset(self) -> None:
        """Return to the state after construction."""
        ...


def settled_engine(config: SynthesiserConfig) -> SynthesiserConfig:
    """Return the settings with what makes the sound decided: FluidSynth or built-in, with a warning if it is that.

    ConfigError where something that was asked for is not installed.
    """
    lacks = "" if find_soundfont() or config.soundfont else "no soundfont"
    lacks = lacks if has_fluidsynth() else "no library of that name"
    if config.engine == "built-in" or (config.engine == "fluidsynth" and not lacks):
        return config
    if not lacks:
        return replace(config, engine="fluidsynth")
    if config.engine == "fluidsynth" or config.soundfont is not None:
        raise ConfigError("FluidSynth", expected="it and a soundfont", got=lacks, remedy=FLUIDSYNTH_REMEDY)
    warn_about("FluidSynth", f"{lacks}, so the small built-in synthesiser plays; {FLUIDSYNTH_REMEDY}")
    return replace(config, engine="built-in")


def open_source(sample_rate: int, config: SynthesiserConfig) -> SoundSource:
    """Return FluidSynth with its soundfont loaded, or the built-in synthesiser.

    ConfigError for a soundfont that is none, and where something that was asked for is not installed.
    """
    config = settled_engine(config)
    if config.engine == "built-in":
        return AdditiveSynth(sample_rate, config)
    soundfont = config.soundfont or find_soundfont()
    assert soundfont is not None
    return FluidSynth(sample_rate, soundfont, config)


class Synthesiser:
    """Render what is sent; everything is loaded before the first sample.

    `send` may be called by one other thread; the rest belongs to the thread that renders.
    """

    def __init__(self, audio: AudioFormat, config: SynthesiserConfig | None = None) -> None:
        self.audio, self.config = audio, config or SynthesiserConfig()
        self._rate = _rendering_rate(audio.sample_rate)
        self._source = open_source(self._rate, self.config)
        self._resampler = None if self._rate == audio.sample_rate else _resampler(self._rate, audio.sample_rate)
        self._programs: dict[int, int] = {}
        self._block = np.zeros((RUN, 2), np.float32)
        self._fade = np.zeros((_fade_length(self._rate), 2), np.float32)
        self._ramp = np.linspace(1, 0, len(self._fade), endpoint=False, dtype=np.float32)[:, None]
        self._ready = np.zeros((2 * RUN, 2), np.float32)
        self._out = np.zeros((RUN, audio.n_channels), np.float32)
        self._begin()

    def _begin(self) -> None:
        self._inbox: deque[tuple[int, int, bytes]] = deque()
        self._queue: list[tuple[int, bool, int, bytes]] = []
        self._order = count()
        self._state: dict[tuple[int, int], bytes] = {}  # instruments, controllers, pitch bends: to be set again
        self._at = 0  # the next sample to be rendered, on the rendering's clock
        self._n_ready = 0
        self._faded = len(self._fade)  # how much of the fade has sounded

    @property
    def latency(self) -> int:
        """Return the samples by which the sound lags its messages, beside the grid: those of the resampling."""
        return 0 if self._resampler is None else self._resampler.latency

    @property
    def source(self) -> str:
        """Return what makes the sound."""
        return "FluidSynth" if isinstance(self._source, FluidSynth) else "built-in"

    def program(self, channel: int, program: int) -> None:
        """Give a channel (0 to 15) an instrument (0 to 127) from now on; kept by `silence` and `reset`."""
        self._programs[channel] = program
        self._source.take(_checked(bytes((0xC0 | channel, program))))

    def send(self, at_sample: int, message: bytes) -> None:
        """Queue a channel message for a sample, or for now if that has gone; what is no channel message does nothing.

        At the same sample note-offs come before all else, then the order of calls counts. ConfigError for a message
        that is cut short.
        """
        if message and 0x80 <= message[0] < 0xF0:
            self._inbox.append((at_sample, next(self._order), _checked(message)))

    def render(self, n: int) -> Audio:
        """Return the next n samples (sample, channel), borrowed until the next call."""
        while self._n_ready < n:
            self._advance(n - self._n_ready)
        if n > len(self._out):
            self._out = np.zeros((n, self.audio.n_channels), np.float32)
        out = self._out[:n]
        _spread(self._ready[:n], out)
        left = self._n_ready - n
        self._ready[:left] = self._ready[n : self._n_ready].copy()
        self._n_ready = left
        return out

    def _advance(self, lacking: int) -> None:
        """Render up to the next message, or RUN samples, or what is lacking."""
        self._apply()
        needed = -(-lacking * self._rate // self.audio.sample_rate)
        if self._queue:
            needed = min(needed, self._place(self._queue[0][0]) - self._at)
        block = self._block[: min(-(-needed // SYNTH_GRID) * SYNTH_GRID, RUN)]
        self._render(block)
        self._at += len(block)
        self._append(block if self._resampler is None else self._resampler.process(block))

    def _place(self, at_sample: int) -> int:
        """Return the sample of the rendering that is nearest after a sample of the output."""
        return -(-at_sample * self._rate // self.audio.sample_rate)

    def _apply(self) -> None:
        """Apply the messages that are due."""
        while self._inbox:
            at, order, message = self._inbox.popleft()
            heapq.heappush(self._queue, (at, not _ends_note(message), order, message))
        while self._queue and self._place(self._queue[0][0]) <= self._at:
            self._take(heapq.heappop(self._queue)[-1])

    def _take(self, message: bytes) -> None:
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind in NOTE_KINDS and channel != DRUMS and self.config.transposition:
            message = bytes((message[0], _transposed(message[1], self.config.transposition), message[2]))
        elif kind == 0xC0:
            self._state[message[0], 0] = message
        elif kind == 0xB0 and message[1] < FIRST_MODE and message[1] not in PEDALS:
            self._state[message[0], message[1]] = message
        elif kind == 0xB0 and message[1] == RESET_CONTROLLERS:
            self._forget(channel)
        elif kind == 0xE0:
            self._state[message[0], 0] = message
        self._source.take(message)

    def _forget(self, channel: int) -> None:
        """Forget what "reset all controllers" sets back: not volume, pan, effects and bank (General MIDI, RP-015)."""
        kept = {*BANK, 7, 10, 91, 93}
        self._state = {
            key: message
            for key, message in self._state.items()
            if key != (0xE0 | channel, 0) and (key[0] != 0xB0 | channel or key[1] in kept)
        }

    def _render(self, block: F32) -> None:
        """Fill a block with what sounds, and what still fades."""
        self._source.render(block)
        more = self._fade[self._faded : self._faded + len(block)]
        block[: len(more)] += more
        self._faded += len(more)

    def _append(self, block: Audio) -> None:
        end = self._n_ready + len(block)
        if end > len(self._ready):
            self._ready = np.concatenate([self._ready[: self._n_ready], np.zeros((2 * end, 2), np.float32)])
        self._ready[self._n_ready : end] = block
        self._n_ready = end

    def silence(self) -> None:
        """End all that sounds within 20 ms, echo and all, and drop what is queued; pedals go up, instruments stay."""
        self._inbox.clear()
        self._queue.clear()
        tail = np.empty_like(self._fade)
        self._render(tail)
        np.multiply(tail, self._ramp, out=self._fade)
        self._faded = 0
        self._source.silence()
        self._restore()

    def _restore(self) -> None:
        """Set instruments, banks before them, controllers and pitch bends as they were."""
        for channel, program in self._programs.items():
            self._source.take(bytes((0xC0 | channel, program)))
        for message in sorted(self._state.values(), key=lambda message: message[1] not in BANK):
            self._source.take(message)

    def reset(self) -> None:
        """Return to sample 0 and the state after construction, with the instruments of `program`."""
        self._source.reset()
        if self._resampler is not None:
            self._resampler.reset()
        self._begin()
        self._restore()


def _rendering_rate(sample_rate: int) -> int:
    """Return a rate that the synthesiser can render at: the output's, or a simple ratio of it, Hz."""
    rate = sample_rate
    while rate < LOWEST_HZ:
        rate *= 2
    while rate > HIGHEST_HZ:
        rate = rate // 2 if rate % 2 == 0 else 48_000
    return rate


def _resampler(source_rate: int, target_rate: int) -> Resampler:
    return Resampler(ResampleConfig(source_rate=source_rate, target_rate=target_rate, n_channels=2))


def _fade_length(sample_rate: int) -> int:
    return -(-round(FADE_S * sample_rate) // SYNTH_GRID) * SYNTH_GRID


def _checked(message: bytes) -> bytes:
    """Return a channel message, without what follows it; ConfigError if it is cut short or has a wrong byte."""
    size = 2 if message[0] & 0xF0 in (0xC0, 0xD0) else 3
    if len(message) < size or max(message[1:size]) > TOP_KEY:
        raise ConfigError("MIDI message", expected=f"{size} bytes, from the second on below 128", got=message.hex(" "))
    return bytes(message[:size])


def _ends_note(message: bytes) -> bool:
    kind = message[0] & 0xF0
    return kind == 0x80 or (kind == 0x90 and message[2] == 0)


def _transposed(key: int, semitones: int) -> int:
    """Return a key so many semitones higher, by octaves inside the keyboard."""
    key += semitones
    while key > TOP_KEY:
        key -= OCTAVE
    while key < 0:
        key += OCTAVE
    return key


def _spread(stereo: Audio, out: Audio) -> None:
    """Copy stereo (sample, 2) to out (sample, channel): the mean to one channel, else to the first two."""
    if out.shape[1] == 1:
        np.add(stereo[:, 0], stereo[:, 1], out=out[:, 0])
        out *= np.float32(0.5)
        return
    out[:, :2] = stereo
    out[:, 2:] = 0.0
