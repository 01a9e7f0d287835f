"""Render keys to sound: pianos of soundfonts, tuned and mistuned, in rooms and on old records.

FluidSynth plays; the processing afterwards never shifts sound in time.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt
import soundfile
from scipy.fft import irfft, next_fast_len, rfft

from engine.core.errors import EngineError
from offline.synthesis.effects import coloured_noise, reverberate, tilt
from offline.synthesis.fluidsynth import midi_of, play_midi
from offline.synthesis.pianist import Played

__all__ = ["OTHERS", "Piano", "add_recording_chain", "random_piano", "render_piano"]

Audio = npt.NDArray[np.float32]
Wave = npt.NDArray[np.float64]
Rng = np.random.Generator

TICKS, TEMPO_US = 10_000, 500_000  # 50 microseconds a tick
TAIL_S = 2.0
CHANNELS = (*range(9), *range(10, 13))  # one for each pitch class; the tenth is for drums
BEND, BEND_CENTS = 8192, 200.0
PROGRAMS = (0, 0, 0, 0, 1, 1, 2, 3)  # grand, bright, electric grand, honky-tonk
# Harpsichord, organs, accordion, guitars, strings alone and together, voices, brass, reeds, flutes.
OTHERS = (6, 16, 19, 21, 24, 25, 40, 41, 42, 45, 48, 52, 56, 57, 60, 65, 68, 70, 71, 73, 74)
N_WITH_PEDAL = 6  # the first programs are pianos
OPTIONS = ("-q", "-o", "synth.dynamic-sample-loading=1", "-O", "float")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piano:
    """An instrument.

    soundfont: file
    program: General MIDI, from 0
    cents: (12) tuning of each pitch class from C
    """

    soundfont: Path
    program: int = 0
    cents: tuple[float, ...] = (0.0,) * 12

    @property
    def name(self) -> str:
        """Return soundfont and program."""
        return f"{self.soundfont.stem}:{self.program}"

    def shifted(self, cents: float) -> Piano:
        """Return it tuned higher by `cents`."""
        return Piano(soundfont=self.soundfont, program=self.program, cents=tuple(c + cents for c in self.cents))


def random_piano(rng: Rng, soundfonts: Sequence[Path], *, mistuned: float = 50.0) -> Piano:
    """Draw one of the soundfonts' pianos, up to `mistuned` cents off, its temperament not quite equal."""
    whole = rng.uniform(-mistuned, mistuned) * rng.random()
    cents = whole + rng.normal(0, rng.choice([0.0, 2.0, 6.0]), 12)
    return Piano(
        soundfont=soundfonts[int(rng.integers(len(soundfonts)))],
        program=int(rng.choice(PROGRAMS)),
        cents=tuple(float(c) for c in cents),
    )


def render_piano(played: Played, piano: Piano, sample_rate: int) -> Audio:
    """Return mono sound (sample), peak 0.5, two seconds longer than the keys; EngineError if FluidSynth fails."""
    try:
        audio = play_midi(midi_file(played, piano), piano.soundfont, sample_rate, options=OPTIONS)
    except (subprocess.SubprocessError, OSError, soundfile.LibsndfileError) as error:
        raise EngineError("fluidsynth", expected="sound", got=str(error)[:100], remedy="reinstall it") from error
    mono = np.zeros(int((played.end + TAIL_S) * sample_rate), np.float32)
    mono[: len(audio)] = audio.mean(axis=1)[: len(mono)]
    return np.asarray(mono * np.float32(0.5 / max(float(np.abs(mono).max()), 1e-9)))


def midi_file(played: Played, piano: Piano) -> mido.MidiFile:
    """Return a MIDI file with each pitch class on a channel of its own, bent to its tuning; pedal on all of them."""
    events: list[tuple[float, int, mido.Message]] = []
    for pitch_class, channel in enumerate(CHANNELS):
        bend = int(np.clip(round(piano.cents[pitch_class] / BEND_CENTS * BEND), -BEND, BEND - 1))
        events.append((0.0, 0, mido.Message("program_change", program=piano.program, channel=channel)))
        events.append((0.0, 0, mido.Message("pitchwheel", pitch=bend, channel=channel)))
        for down, up in played.pedal if piano.program < N_WITH_PEDAL else ():
            events.append((down, 1, mido.Message("control_change", control=64, value=127, channel=channel)))
            events.append((up, 1, mido.Message("control_change", control=64, value=0, channel=channel)))
    rows = zip(played.start_s, played.end_s, played.pitch.tolist(), played.velocity.tolist(), strict=True)
    for start_s, end_s, pitch, velocity in rows:
        channel = CHANNELS[pitch % 12]
        events.append((start_s, 3, mido.Message("note_on", note=pitch, velocity=velocity, channel=channel)))
        events.append((end_s, 2, mido.Message("note_off", note=pitch, channel=channel)))
    events.append((played.end + TAIL_S, 4, mido.Message("control_change")))
    events.sort(key=lambda event: event[:2])
    timed = ((round(max(seconds, 0.0) * TICKS * 1e6 / TEMPO_US), message) for seconds, _, message in events)
    return midi_of(timed, ticks_per_beat=TICKS, head=[mido.MetaMessage("set_tempo", tempo=TEMPO_US)])


def add_recording_chain(audio: Audio, sample_rate: int, rng: Rng) -> Audio:
    """Add room, tilt, band, noise and level, between dry and close and an old record; nothing shifts in time."""
    wave: Wave = audio.astype(np.float64)
    if rng.random() < 0.7:
        wave = reverberate(wave, sample_rate, rng)
    if rng.random() < 0.5:
        wave = tilt(wave, sample_rate, rng)
    old = rng.random() < 0.15
    if old:
        wave = _band(wave, sample_rate, low_hz=rng.uniform(80, 300), high_hz=rng.uniform(2500, 6000))
    level = float(np.sqrt(np.mean(wave**2)))
    noise_db = rng.uniform(12, 30) if old else rng.uniform(20, 70)
    wave = wave + coloured_noise(len(wave), rng) * level * 10 ** (-noise_db / 20)
    if old:
        wave[rng.integers(0, len(wave), len(wave) // sample_rate * 2)] += rng.normal(0, 4 * level)
    loud = float(np.abs(wave).max())
    wave = np.tanh(wave / loud * 1.2) * loud if rng.random() < 0.1 else wave
    return np.asarray(wave * (0.9 / max(loud, 1e-9)) * 10 ** (-rng.uniform(0, 20) / 20), np.float32)


def _band(wave: Wave, sample_rate: int, *, low_hz: float, high_hz: float) -> Wave:
    n = next_fast_len(len(wave), real=True)
    hz = np.maximum(np.fft.rfftfreq(n, 1 / sample_rate), 1e-3)
    gain = 1 / (1 + (low_hz / hz) ** 4) / (1 + (hz / high_hz) ** 8)
    return np.asarray(irfft(rfft(wave, n) * gain, n)[: len(wave)])
