"""Play the notes of composed parts on electronic instruments: one-shot drum samples and a subtractive synthesiser.

Soundfonts contain acoustic kits and a few synthesisers, unlike most of today's productions. The drum sounds are the
CC0 samples of Debian's `sonic-pi-samples`; everything depends only on the given random generator.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from offline.synthesis.songs_compose import BAR, CRASH, HATS, KICKS, SNARES, Hit, Part

__all__ = ["SAMPLES", "has_samples", "play_samples", "play_synthesiser"]

Audio = npt.NDArray[np.float32]

RATE = 44100
SAMPLES = Path("/usr/share/sonic-pi/samples")
LOOPS, LOOPED = ("loop_*",), 0.25  # share of parts played by a loop
NOT_DRUMS = ("loop_drone_g_97", "loop_electric", "loop_weirdo", "loop_3d_printer")
TABLE = 4096  # samples of one period
KICK, SNARE, HAT, CYMBAL, TOM = (
    ("bd_*", "elec_hollow_kick", "elec_soft_kick", "drum_heavy_kick", "drum_bass_*"),
    ("sn_*", "elec_*snare", "drum_snare_*", "perc_snap*", "glitch_perc*"),
    ("drum_cymbal_closed", "drum_cymbal_pedal", "elec_tick", "elec_cymbal", "elec_triangle", "elec_blip", "tabla_te*"),
    ("drum_cymbal_*", "drum_splash_*", "elec_cymbal", "perc_swash"),
    ("drum_tom_*", "elec_fuzz_tom", "elec_wood", "tabla_tun*", "tabla_na*", "tabla_ghe*", "elec_pop", "elec_twip"),
)


def has_samples() -> bool:
    """Tell whether the drum sounds are installed."""
    return (SAMPLES / "bd_808.flac").exists()


@cache
def _matching(patterns: tuple[str, ...]) -> list[Path]:
    found = {path for pattern in patterns for path in SAMPLES.glob(f"{pattern}.flac")}
    return sorted(path for path in found if path.stem not in NOT_DRUMS)


def play_samples(rng: np.random.Generator, part: Part, tempo_bpm: float, *, loops: float = LOOPED) -> Audio:
    """Play a drum part (sample, channel), each of its keys by a sample of its kind at a pitch of its own.

    loops: probability that a recorded loop plays instead, fitted to the bars in which the part has notes
    """
    quarter, sounds = 60 / tempo_bpm * RATE, {}
    if rng.random() < loops:
        return _looped(rng, part, BAR * quarter)
    for key in sorted({hit.pitch for hit in part.notes}):
        sounds[key] = _one_shot(rng, _matching(_kind(key)))
    n = int(max((hit.start for hit in part.notes), default=0.0) * quarter) + 3 * RATE
    out = np.zeros((n, 2), np.float32)
    for hit in part.notes:
        first, sound = int(hit.start * quarter), sounds[hit.pitch]
        sound = sound[: n - first]
        out[first : first + len(sound)] += (hit.velocity / 127) ** 1.5 * sound
    return out


def _looped(rng: np.random.Generator, part: Part, bar: float) -> Audio:
    """Return a loop at the speed nearest to its own at which it takes half, one, two or four bars of `bar` samples."""
    paths = _matching(LOOPS)
    audio = _read(paths[int(rng.integers(len(paths)))], 1.0)
    speeds = [len(audio) / (bar * n) for n in (0.5, 1, 2, 4)]
    speed = min(speeds, key=lambda s: abs(np.log(s)))
    loop = _resampled(audio, speed)
    bars = sorted({int(hit.start // BAR) for hit in part.notes})
    out = np.zeros((int((bars[-1] + 1) * bar) if bars else 0, 2), np.float32)
    for number in bars:
        first, last = int(number * bar), min(int((number + 1) * bar), len(out))
        out[first:last] = loop[np.arange(first, last) % len(loop)]
    return out


def _kind(key: int) -> tuple[str, ...]:
    for keys, patterns in ((KICKS, KICK), (SNARES, SNARE), (HATS, HAT), (CRASH, CYMBAL)):
        if key in keys:
            return patterns
    return TOM


def _one_shot(rng: np.random.Generator, paths: list[Path]) -> Audio:
    """Return a random sample (sample, channel), up to a third of an octave higher or lower, cut to a random length."""
    path = paths[int(rng.integers(len(paths)))]
    out = _read(path, 2 ** rng.uniform(-1 / 3, 1 / 3))
    n = min(len(out), int(rng.uniform(0.15, 1.5) * RATE))
    cut = out[:n] * np.linspace(1, 0, n)[:, None] ** rng.uniform(0.1, 1.5)
    return (cut / max(float(np.abs(cut).max()), 1e-6)).astype(np.float32)


def _read(path: Path, speed: float) -> Audio:
    """Read a sample (sample, channel) at our rate, played `speed` times as fast."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return _resampled(np.broadcast_to(audio, (len(audio), 2)), speed * rate / RATE)


def _resampled(audio: Audio, step: float) -> Audio:
    at, x = np.arange(0, len(audio) - 1, step), np.arange(len(audio))
    return np.stack([np.interp(at, x, channel) for channel in audio.T], axis=1).astype(np.float32)


def play_synthesiser(rng: np.random.Generator, part: Part, tempo_bpm: float) -> Audio:
    """Play a part (sample, channel) by detuned oscillators whose tone darkens in the course of each note."""
    quarter = 60 / tempo_bpm * RATE
    spectrum = _oscillator(rng)
    bright, dark = np.sort(rng.uniform(np.log(2), np.log(40), 2))[::-1]
    tables = [_table(spectrum, float(np.exp(cutoff)), rng.uniform(1, 4)) for cutoff in (bright, dark)]
    attack_s, decay_s, sustain = rng.choice([0.004, 0.02, 0.15]), rng.uniform(0.05, 0.8), rng.uniform(0.1, 1)
    sweep_s, release_s, spread = rng.uniform(0.05, 1.0), rng.uniform(0.02, 0.4), rng.uniform(0, 0.012)
    drive = float(rng.choice([0, 0, 1, 4, 10]))
    end = max((hit.start + hit.length for hit in part.notes), default=0.0)
    out = np.zeros((int(end * quarter) + RATE, 2), np.float32)
    for hit in part.notes:
        n = int(hit.length * quarter + release_s * RATE)
        time = np.arange(n) / RATE
        sound = _tone(rng, tables, hit, spread=spread, n=n, shape=np.exp(-time / sweep_s))
        level = np.minimum(time / attack_s, 1) * (sustain + (1 - sustain) * np.exp(-time / decay_s))
        level *= np.clip((n - np.arange(n)) / (release_s * RATE), 0, 1) * hit.velocity / 127
        first = int(hit.start * quarter)
        out[first : first + n] += (sound * level[:, None])[: len(out) - first]
    return (np.tanh(drive * out) / drive).astype(np.float32) if drive else out


def _oscillator(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return levels of the first 120 partials: a saw, a pulse of any width, or a few partials as of an organ."""
    k, kind = np.arange(1, 121), rng.integers(3)
    if kind == 0:
        return 1 / k
    if kind == 1:
        out: npt.NDArray[np.float64] = np.abs(np.sin(np.pi * k * rng.uniform(0.1, 0.5))) / k
        return out
    return np.where(k <= 9, rng.random(120) ** 2, 0.0) + 1e-3 / k


def _table(spectrum: npt.NDArray[np.float64], cutoff: float, poles: float) -> npt.NDArray[np.float64]:
    """Return one period through a low-pass at partial `cutoff`."""
    k = np.arange(1, len(spectrum) + 1)
    levels = spectrum / (1 + (k / cutoff) ** (2 * poles))
    bins = np.zeros(TABLE // 2 + 1, np.complex128)
    bins[1 : len(k) + 1] = -0.5j * TABLE * levels
    table = np.fft.irfft(bins)
    out: npt.NDArray[np.float64] = table / np.abs(table).max()
    return out


def _tone(
    rng: np.random.Generator,
    tables: list[npt.NDArray[np.float64]],
    hit: Hit,
    *,
    spread: float,
    n: int,
    shape: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return a note (sample, channel): two voices a channel, from the bright table to the dark one by `shape`."""
    hz = 440 * 2 ** ((hit.pitch - 69) / 12)
    channels = []
    for _ in range(2):
        total = np.zeros(n)
        for detune in rng.uniform(-spread, spread, 2):
            at = ((np.arange(n) * (hz * (1 + detune) / RATE) + rng.random()) % 1 * TABLE).astype(np.int64)
            total += shape * tables[0][at] + (1 - shape) * tables[1][at]
        channels.append(total / 2)
    return np.stack(channels, axis=1)
