"""The small built-in synthesiser, for where FluidSynth is not installed: partials that decay or are held, and noise."""

from __future__ import annotations

from math import cos, exp, pi, sin
from typing import NamedTuple

import numpy as np
from numba import njit

from engine.accompaniment.fluidsynth import DRUMS, N_CHANNELS
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.accompaniment.tones import (
    N_PARTIALS,
    Partials,
    Tone,
    drum_partials,
    drum_tone,
    tone_of,
    tone_partials,
)
from engine.core.arrays import F32, F64, I64

__all__ = ["AdditiveSynth"]

MAX_VOICES = 64
LEVEL = 0.18  # of one tone at velocity 127 and 0 dB
INAUDIBLE = 1e-5  # amplitude below which a voice is free again
STEP = 64  # samples between two looks whether a voice is still audible
CENTRE, BEND_CENTS, SEMITONE = 64, 200.0, 100.0
VOLUME, PAN, EXPRESSION, SUSTAIN = 7, 10, 11, 64
DEFAULTS = {VOLUME: 100, PAN: CENTRE, EXPRESSION: 127, SUSTAIN: 0}
ALL_SOUND_OFF, ALL_NOTES_OFF = 120, 123
PARAMETER, DATA = (101, 100), (6, 38)  # controllers: number of a registered parameter, and its value
FINE_TUNING, NO_PARAMETER = (0, 1), (127, 127)
BY_PEDAL = 2
A4 = 69


class _Voices(NamedTuple):
    """The state of all voices.

    sounds: (voice) whether it sounds; held: (voice) 1 by its key, 2 by the pedal, 0 not
    born: (voice) number of the note-on; key: (voice, 3) channel, key, velocity; seed: (voice) of the noise
    level: (voice) of the attack, 0 to 1; rise, fall: (voice) its increment and its factor a sample
    noise: (voice, 2) its level and factor a sample; last: (voice) its sample before
    gain: (voice, 2) left and right
    wave, turn: (voice, partial, 2) its phasor (real, imaginary), and its rotation with decay a sample
    """

    sounds: I64
    held: I64
    born: I64
    key: I64
    seed: I64
    level: F64
    rise: F64
    fall: F64
    noise: F64
    last: F64
    gain: F64
    wave: F64
    turn: F64


def _voices(n: int) -> _Voices:
    def whole(*shape: int) -> I64:
        return np.zeros((n, *shape), np.int64)

    def real(*shape: int) -> F64:
        return np.zeros((n, *shape))

    partials = (real(N_PARTIALS, 2), real(N_PARTIALS, 2))
    return _Voices(
        whole(), whole(), whole(), whole(3), whole(), real(), real(), real(), real(2), real(), real(2), *partials
    )


@njit(nogil=True, cache=True)
def _add_partials(voices: _Voices, v: int, line: F64) -> None:
    """Add the next samples of a voice's partials to line (sample); what has faded away is left out for good."""
    for p in range(voices.wave.shape[1]):
        x, y = voices.wave[v, p, 0], voices.wave[v, p, 1]
        if abs(x) + abs(y) < INAUDIBLE:
            voices.wave[v, p, :] = 0.0
            continue
        c, s = voices.turn[v, p, 0], voices.turn[v, p, 1]
        for i in range(line.shape[0]):
            line[i] += y
            x, y = x * c - y * s, x * s + y * c
        voices.wave[v, p, 0], voices.wave[v, p, 1] = x, y


@njit(nogil=True, cache=True)
def _add_noise(voices: _Voices, v: int, line: F64) -> None:
    """Add the next samples of a voice's noise, without its lows, to line (sample)."""
    seed, before, loud = voices.seed[v], voices.last[v], voices.noise[v, 0]
    for i in range(line.shape[0]):
        seed = (seed * 1103515245 + 12345) % 2147483648
        white = seed / 1073741824.0 - 1.0
        line[i] += loud * (white - before)
        before = white
        loud *= voices.noise[v, 1]
    voices.seed[v], voices.last[v], voices.noise[v, 0] = seed, before, loud


@njit(nogil=True, cache=True)
def _shape(voices: _Voices, v: int, line: F64) -> None:
    """Let line (sample) begin or end as the voice does."""
    level = voices.level[v]
    for i in range(line.shape[0]):
        if voices.held[v] == 0:
            level *= voices.fall[v]
        elif level < 1.0:
            level = min(1.0, level + voices.rise[v])
        line[i] *= level
    voices.level[v] = level


@njit(nogil=True, cache=True)
def _audible(voices: _Voices, v: int) -> bool:
    """Return whether a voice can still be heard."""
    loudest = max(voices.noise[v, 0], np.abs(voices.wave[v]).max())
    if voices.held[v] == 0:
        loudest *= voices.level[v]
    return loudest * max(voices.gain[v, 0], voices.gain[v, 1]) > INAUDIBLE


@njit(nogil=True, cache=True)
def _render(voices: _Voices, line: F64, out: F32) -> None:
    """Add every voice to out (sample, 2), as many samples at once as line (sample) has."""
    n = line.shape[0]
    for start in range(0, out.shape[0], n):
        for v in range(voices.sounds.shape[0]):
            if voices.sounds[v] == 0:
                continue
            line[:] = 0.0
            _add_partials(voices, v, line)
            if voices.noise[v, 0] > INAUDIBLE:
                _add_noise(voices, v, line)
            _shape(voices, v, line)
            for i in range(n):
                out[start + i, 0] += np.float32(voices.gain[v, 0] * line[i])
                out[start + i, 1] += np.float32(voices.gain[v, 1] * line[i])
            if not _audible(voices, v):
                voices.sounds[v] = 0


class AdditiveSynth:
    """A synthesiser of 16 channels that renders stereo; no reverberation, no chorus."""

    def __init__(self, sample_rate: int, config: SynthesiserConfig) -> None:
        self.sample_rate, self.config = sample_rate, config
        self._voices = _voices(min(config.polyphony, MAX_VOICES))
        self._line = np.zeros(STEP)
        self._level = LEVEL * 10 ** (config.gain_db / 20)
        self.reset()
        self.render(np.zeros((STEP, 2), np.float32))  # compiles the kernel before the stream opens

    def reset(self) -> None:
        """Return to the state after construction."""
        for array in self._voices:
            array[:] = 0
        self._n_notes = 0
        self._program = [0] * N_CHANNELS
        self._bend = [0.0] * N_CHANNELS
        self._fine = [0.0] * N_CHANNELS
        self._control = [dict(DEFAULTS) for _ in range(N_CHANNELS)]
        registers = dict(zip((*PARAMETER, *DATA), (*NO_PARAMETER, CENTRE, 0), strict=True))
        self._registers = [dict(registers) for _ in range(N_CHANNELS)]

    def silence(self) -> None:
        """End every note, and forget programs and controllers."""
        self.reset()

    def render(self, out: F32) -> None:
        """Fill out (sample, 2); the lengths are multiples of 64 samples."""
        out[:] = 0.0
        _render(self._voices, self._line, out)

    def take(self, message: bytes) -> None:
        """Apply a channel message before the next sample."""
        kind, channel, first = message[0] & 0xF0, message[0] & 0x0F, message[1]
        if kind == 0x90 and message[2]:
            self._strike(channel, first, message[2])
        elif kind in (0x80, 0x90) and channel != DRUMS:
            held = self._of(channel, first)
            self._release(held[self._voices.held[held] > 0])
        elif kind == 0xB0:
            self._turn(channel, first, message[2])
        elif kind == 0xC0:
            self._program[channel] = first
        elif kind == 0xE0:
            self._bend[channel] = BEND_CENTS * ((first | message[2] << 7) / 8192 - 1)
            self._tune(channel)

    def _of(self, channel: int, key: int | None = None) -> I64:
        """Return the sounding voices of a channel, or of one of its keys."""
        voices = self._voices
        mine = (voices.sounds > 0) & (voices.key[:, 0] == channel)
        return np.flatnonzero(mine if key is None else mine & (voices.key[:, 1] == key))

    def _strike(self, channel: int, key: int, velocity: int) -> None:
        voices = self._voices
        voices.held[self._of(channel, key)] = 0
        free = np.flatnonzero(voices.sounds == 0)
        v = int(free[0]) if len(free) else int(voices.born.argmin())
        self._n_notes += 1
        tone, partials = self._instrument(channel, key)
        voices.key[v], voices.born[v], voices.seed[v] = (channel, key, velocity), self._n_notes, key
        voices.sounds[v] = voices.held[v] = 1
        voices.level[v], voices.last[v] = 0.0, 0.0
        voices.rise[v] = 1 / (tone.attack_s * self.sample_rate)
        voices.fall[v] = exp(-1 / (tone.release_s * self.sample_rate))
        voices.noise[v] = tone.noise, exp(-1 / (tone.noise_s * self.sample_rate))
        phase = np.arange(1, N_PARTIALS + 1)
        voices.wave[v] = (partials.amplitude * np.array([np.cos(phase), np.sin(phase)])).T
        voices.turn[v] = self._rotation(partials)
        voices.gain[v] = self._gains(channel, velocity)

    def _instrument(self, channel: int, key: int) -> tuple[Tone, Partials]:
        if channel == DRUMS:
            return drum_tone(key), drum_partials(key, self.sample_rate)
        tone = tone_of(self._program[channel])
        return tone, tone_partials(tone, self._hz(channel, key), self.sample_rate)

    def _hz(self, channel: int, key: int) -> float:
        return self.config.a4_hz * 2 ** ((key - A4) / 12 + (self._bend[channel] + self._fine[channel]) / 1200)

    def _rotation(self, partials: Partials) -> F64:
        angle = 2 * pi * partials.hz / self.sample_rate
        return (np.exp(-partials.decay / self.sample_rate) * np.array([np.cos(angle), np.sin(angle)])).T

    def _gains(self, channel: int, velocity: int) -> tuple[float, float]:
        """Return the gains of left and right, of equal power over the panorama."""
        control = self._control[channel]
        loud = self._level * (velocity * control[VOLUME] * control[EXPRESSION] / 127**3) ** 2
        angle = pi / 2 * control[PAN] / 127
        return 2**0.5 * loud * cos(angle), 2**0.5 * loud * sin(angle)

    def _tune(self, channel: int) -> None:
        """Follow a pitch bend with the notes that sound."""
        if channel != DRUMS:
            for v in self._of(channel):
                self._voices.turn[v] = self._rotation(self._instrument(channel, int(self._voices.key[v, 1]))[1])

    def _release(self, voices: I64) -> None:
        """Let go of keys; the pedal holds on."""
        down = np.array([control[SUSTAIN] >= CENTRE for control in self._control])
        self._voices.held[voices] = np.where(down[self._voices.key[voices, 0]], BY_PEDAL, 0)

    def _turn(self, channel: int, controller: int, value: int) -> None:
        mine, voices = self._of(channel), self._voices
        if controller == ALL_SOUND_OFF:
            voices.sounds[mine] = 0
        elif controller == ALL_NOTES_OFF:
            self._release(mine[voices.held[mine] > 0])
        elif controller in PARAMETER + DATA:
            self._register(channel, controller, value)
        elif controller in DEFAULTS:
            self._control[channel][controller] = value
            if controller == SUSTAIN and value < CENTRE:
                voices.held[mine[voices.held[mine] == BY_PEDAL]] = 0
            for v in mine:
                voices.gain[v] = self._gains(channel, int(voices.key[v, 2]))

    def _register(self, channel: int, controller: int, value: int) -> None:
        """Take a part of a registered parameter; fine tuning is known, and sounding notes follow it."""
        registers = self._registers[channel]
        registers[controller] = value
        if controller in DATA and tuple(registers[each] for each in PARAMETER) == FINE_TUNING:
            coarse, fine = (registers[each] for each in DATA)
            self._fine[channel] = SEMITONE * ((coarse << 7 | fine) / 8192 - 1)
            self._tune(channel)
