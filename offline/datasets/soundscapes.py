"""Soundscapes: events over a background, mixed at random but repeatably, with their exact times.

A scene depends on the bank, the settings, the seed and its index alone, so any process may mix any scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, check, plain, ranged, require
from engine.detection.event_decoder import Interval
from offline.synthesis import effects
from offline.synthesis.alarms import alarm
from offline.synthesis.sound_bank import Audio, SoundBank

__all__ = ["ALARM", "DURATIONS_S", "Scene", "SceneMixConfig", "SceneMixer", "merge_events"]

Rng = np.random.Generator

ALARM = "alarm_bell"
SECONDS = 604 * 366 / 22050  # 10.03: 604 log-mel frames, 151 steps

# Median and quartiles of the events' durations in the real recordings of DESED, seconds.
DURATIONS_S = {
    ALARM: (1.03, 0.52, 2.32),
    "blender": (4.7, 2.4, 8.4),
    "fan": (9.9, 6.6, 10.0),
    "frying": (10.0, 6.6, 10.0),
    "running_water": (4.9, 2.5, 8.1),
    "speech": (1.15, 0.69, 1.90),
}
JOIN_S = 0.05  # crossfade where a long sound is put together from parts


class Scene(NamedTuple):
    """Mono audio (sample) and its events, in order of onset, without overlaps of one label."""

    audio: Audio
    events: list[Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneMixConfig(Settings):
    """How scenes are mixed; p_* are probabilities."""

    seconds: float = ranged(SECONDS, 1, 600, "length of a scene", unit="s")
    n_events: tuple[int, int] = plain((1, 5), "fewest and most events")
    snr_db: tuple[float, float] = plain((6.0, 30.0), "lowest and highest level of an event over the background, dB")
    peak_db: tuple[float, float] = plain((-30.0, -1.0), "lowest and highest peak of a scene, dB of full scale")
    p_empty: float = ranged(0.0, 0, 1, "no event at all")
    p_noise: float = ranged(0.0, 0, 1, "a background of synthetic noise")
    p_distractor: float = ranged(0.0, 0, 1, "one or two sounds that are no event")
    p_band: float = ranged(0.4, 0, 1, "an event, and half as often a scene, loses its high frequencies")
    p_room: float = ranged(0.0, 0, 1, "an event sounds in a room")
    p_speed: float = ranged(0.0, 0, 1, "an event is played faster or slower")
    p_tilt: float = ranged(0.0, 0, 1, "the spectrum of an event is tilted by up to 4 dB an octave")
    speed: float = ranged(0.1, 0, 1, "largest change of an event's speed")
    labels: tuple[str, ...] = plain((), "classes to draw from; none for all that there are sounds of")

    def __post_init__(self) -> None:
        check(self)
        require("fewest events", self.n_events[0], 0, self.n_events[1])
        require("lowest snr_db", self.snr_db[0], -40, self.snr_db[1])
        require("lowest peak_db", self.peak_db[0], -100, self.peak_db[1])

    @classmethod
    def training(cls, **settings: object) -> SceneMixConfig:
        """Return settings to train on: everything varies, and backgrounds are louder than in evaluation."""
        rich = dict(
            snr_db=(0.0, 30.0), p_empty=0.12, p_noise=0.25, p_distractor=0.4, p_room=0.3, p_speed=0.6, p_tilt=0.5
        )
        return cls(**{**rich, **settings})  # type: ignore[arg-type]


class SceneMixer:
    """Mixes scenes from a bank and from alarm families (which may be none)."""

    def __init__(self, bank: SoundBank, alarms: Sequence[str], config: SceneMixConfig) -> None:
        self.bank, self.alarms, self.config = bank, tuple(alarms), config
        have = sorted({*bank.labels, *([ALARM] if self.alarms else [])})
        self.labels = config.labels or tuple(have)
        self.n_samples = round(config.seconds * bank.sample_rate)

    def scene(self, seed: int, index: int) -> Scene:
        """Mix scene `index` of the set `seed`."""
        rng = np.random.default_rng([seed, index])
        config = self.config
        audio = self._background(rng)
        level = float(np.sqrt(np.mean(audio**2)))
        placed: list[Interval] = []
        n_events = 0 if rng.random() < config.p_empty else int(rng.integers(config.n_events[0], config.n_events[1] + 1))
        for label in rng.choice(self.labels, n_events):
            placed.append(self._place(audio, self._event(str(label), rng), str(label), level, rng))
        if self.bank.sources("_distractor") and rng.random() < config.p_distractor:
            for _ in range(int(rng.integers(1, 3))):
                self._place(audio, self._event("_distractor", rng), "", level, rng)
        if rng.random() < config.p_band / 2:
            audio = effects.low_pass(audio, self.bank.sample_rate, rng)
        peak = 10 ** (rng.uniform(*config.peak_db) / 20)
        return Scene((audio * (peak / max(np.abs(audio).max(), 1e-9))).astype(np.float32), merge_events(placed))

    def _background(self, rng: Rng) -> npt.NDArray[np.float64]:
        """Return the background of a whole scene, of unit level."""
        sources = self.bank.sources("_background")
        if not sources or rng.random() < self.config.p_noise:
            audio = effects.coloured_noise(self.n_samples, rng)
        else:
            source = sources[rng.integers(len(sources))]
            audio = self._long(self.bank.parts["_background"][source], self.n_samples, rng)
            if rng.random() < self.config.p_tilt:
                audio = effects.tilt(audio, self.bank.sample_rate, rng)
        return audio / max(float(np.sqrt(np.mean(audio**2))), 1e-9)

    def _event(self, label: str, rng: Rng) -> npt.NDArray[np.float64]:
        """Return one sound of the label, from one source, in its natural or a drawn duration, with its effects."""
        rate, config = self.bank.sample_rate, self.config
        if label == ALARM and not self.bank.sources(ALARM):
            family = self.alarms[rng.integers(len(self.alarms))]
            sound = alarm(family, self._duration(label, rng) / rate, rate, rng).astype(np.float64)
        else:
            sound = self._recorded(label, rng)
        if rng.random() < config.p_speed:
            sound = effects.speed(sound, rng, config.speed)
        if rng.random() < config.p_tilt:
            sound = effects.tilt(sound, rate, rng)
        if rng.random() < config.p_band:
            sound = effects.low_pass(sound, rate, rng)
        if rng.random() < config.p_room:
            sound = effects.reverberate(sound, rate, rng)
        return effects.fade_edges(sound, rate)

    def _recorded(self, label: str, rng: Rng) -> npt.NDArray[np.float64]:
        sources = self.bank.sources(label)
        parts = self.bank.parts[label][sources[rng.integers(len(sources))]]
        if label not in DURATIONS_S:
            return parts[rng.integers(len(parts))].astype(np.float64)[: self.n_samples]
        gap = 0.12 if label == "speech" else -JOIN_S
        return self._long(parts, self._duration(label, rng), rng, gap_s=gap, whole=label == "speech")

    def _duration(self, label: str, rng: Rng) -> int:
        """Draw a duration in samples, log-normal about the label's median."""
        median, low, high = DURATIONS_S[label]
        drawn = median * np.exp(np.log(high / low) / 1.349 * rng.standard_normal())
        return int(np.clip(drawn, 0.25, self.config.seconds) * self.bank.sample_rate)

    def _long(
        self, parts: list[Audio], n: int, rng: Rng, *, gap_s: float = -JOIN_S, whole: bool = False
    ) -> npt.NDArray[np.float64]:
        """Join parts of one source to about n samples: a cut of one, or several in a row.

        gap_s: silence between them, negative for a crossfade
        whole: never cut a part (a word)
        """
        rate = self.bank.sample_rate
        out = parts[rng.integers(len(parts))].astype(np.float64)
        if len(out) > n and not whole:
            start = int(rng.integers(len(out) - n + 1))
            return out[start : start + n]
        while len(out) < n:
            part = parts[rng.integers(len(parts))].astype(np.float64)
            out = effects.join_sounds(out, part, int(gap_s * rate * (rng.uniform(0.3, 1.5) if gap_s > 0 else 1)))
        return out[: min(len(out), self.n_samples)] if whole else out[:n]

    def _place(
        self, audio: npt.NDArray[np.float64], sound: npt.NDArray[np.float64], label: str, level: float, rng: Rng
    ) -> Interval:
        """Add the sound at a random place and level over the background; return when it sounds."""
        rate = self.bank.sample_rate
        sound = sound[: self.n_samples]
        start = int(rng.integers(self.n_samples - len(sound) + 1))
        gain = level * 10 ** (rng.uniform(*self.config.snr_db) / 20)
        audio[start : start + len(sound)] += sound * (gain / max(float(np.sqrt(np.mean(sound**2))), 1e-9))
        return Interval(start / rate, (start + len(sound)) / rate, label)


def merge_events(events: Sequence[Interval]) -> list[Interval]:
    """Return events in order of onset, with those of one label that overlap or touch merged."""
    out: list[Interval] = []
    for event in sorted(events, key=lambda e: (e.label, e.onset_s)):
        if out and out[-1].label == event.label and event.onset_s <= out[-1].offset_s:
            out[-1] = out[-1]._replace(offset_s=max(out[-1].offset_s, event.offset_s))
        else:
            out.append(event)
    return sorted(out)
