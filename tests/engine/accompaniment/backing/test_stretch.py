"""The stretch keeps what it should: pitch, clicks, level, the sound at its own pace."""

from __future__ import annotations

import numpy as np
import pytest

from engine.accompaniment.backing.recording import BackingRecording
from engine.accompaniment.backing.stretch import TimeStretch
from engine.core.format import AudioFormat

RATE = 44100
MONO = AudioFormat(sample_rate=RATE, n_channels=1)
STEREO = AudioFormat(sample_rate=RATE, n_channels=2)
SETTLED = 4096  # samples after which the beginning of a recording has passed
CENT = 2 ** (1 / 1200)
KEPT = 2e-4  # of full scale, -74 dB: the smallest step of 16 bits, where a chunk is loud, and float32 transforms
LEVEL_DB = 0.5  # a tone's level at any pace, and held
WITHIN = 64  # samples, 1.5 ms, in which a click comes where it should
CLICK_DB = 1.0  # energy of a click, at any pace
QUIET = 1e-3  # of the level: what a cross-fade of equal sounds may leave beside them
RATES = (0.5, 0.7, 1.0, 1.37, 2.0)


def tone(hz: float, seconds: float, level: float = 0.3) -> np.ndarray:
    return level * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)


def stretched(sound: np.ndarray, places: np.ndarray, audio: AudioFormat = MONO) -> np.ndarray:
    """The sound at these places, lined up with them; they go on at the end as before."""
    rows = sound.reshape(len(sound), -1).astype(np.float32)
    stretch = TimeStretch(BackingRecording(audio, [rows]))
    after = places[-1] + np.diff(places[-2:]) * np.arange(1, stretch.latency + 1)
    return np.array(stretch.process(np.concatenate([places, after])))[stretch.latency :]


def frequency(sound: np.ndarray) -> float:
    """The strongest frequency, by the parabola through the logarithm of a Hann window's peak."""
    n = len(sound)
    spectrum = np.log(np.abs(np.fft.rfft(sound * np.hanning(n))) + 1e-12)
    k = int(spectrum.argmax())
    a, b, c = spectrum[k - 1 : k + 2]
    return float((k + (a - c) / (2 * (a - 2 * b + c))) * RATE / n)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hz", [110.0, 440.0, 3000.0])
def test_a_tone_keeps_pitch_and_level(rate: float, hz: float) -> None:
    sound = stretched(tone(hz, 2.2), SETTLED + rate * np.arange(RATE))[:, 0]
    middle = sound[SETTLED:-SETTLED]
    assert 1 / CENT < frequency(middle) / hz < CENT
    assert abs(20 * np.log10(middle.std() * np.sqrt(2) / 0.3)) < LEVEL_DB


@pytest.mark.parametrize("rate", RATES)
def test_clicks_stay_clicks_where_they_should_be(rate: float) -> None:
    n, at = 3 * RATE, np.arange(SETTLED, 3 * RATE - SETTLED, 7777)
    click = np.random.default_rng(3).standard_normal(48) * np.exp(-np.arange(48) / 10)
    clicks = np.zeros(n)
    for start in at:
        clicks[start : start + 48] += click
    sound = stretched(0.3 * clicks, rate * np.arange(int(n / rate)))[:, 0]
    energy, own = np.cumsum(sound**2), float((0.09 * click**2).sum())
    for start in at:
        middle = round((start + 8) / rate)
        inside = energy[middle + WITHIN] - energy[middle - WITHIN]
        around = energy[middle + 1500] - energy[middle - 1500]
        assert abs(10 * np.log10(inside / own)) < CLICK_DB
        assert inside > 0.95 * around, "nothing before, no echo"


@pytest.mark.parametrize("sample_rate", [1000, 8000, 22050, 96000])
def test_any_sample_rate(sample_rate: int) -> None:
    audio = AudioFormat(sample_rate=sample_rate, n_channels=1)
    sound = 0.3 * np.sin(2 * np.pi * 200 * np.arange(2 * sample_rate) / sample_rate)
    stretch = TimeStretch(BackingRecording(audio, [sound[:, None].astype(np.float32)]))
    out = stretch.process(0.7 * np.arange(2.0 * sample_rate))[sample_rate // 2 :]
    assert abs(20 * np.log10(out.std() * np.sqrt(2) / 0.3)) < LEVEL_DB
    assert stretch.latency < 0.04 * sample_rate


def test_its_own_pace_changes_nothing() -> None:
    random = np.random.default_rng(0)
    sound = 0.1 * random.standard_normal((30_000, 2)) + tone(500, 1)[:30_000, None]
    places = np.arange(6000, 25_000)
    assert np.abs(stretched(sound, places.astype(float), STEREO) - sound[places]).max() < KEPT


def test_the_place_in_the_stereo_image_stays() -> None:
    sound = np.outer(tone(300, 2) + tone(1234.5, 2), [0.9, 0.3])
    left, right = stretched(sound, SETTLED + 0.6 * np.arange(RATE), STEREO).T
    assert np.abs(right - left / 3).max() < KEPT


def test_as_many_samples_as_places() -> None:
    stretch = TimeStretch(BackingRecording(MONO, [tone(440, 1)[:, None].astype(np.float32)]))
    assert [len(stretch.process(np.zeros(n))) for n in (0, 1, 511, 512, 3000)] == [0, 1, 511, 512, 3000]


def test_a_held_sound_stays_level() -> None:
    chord = tone(220, 2, 0.12) + tone(330, 2, 0.1) + tone(440, 2, 0.1)  # a frame keeps them apart
    places = np.concatenate([SETTLED + np.arange(20_000.0), np.full(4 * RATE, SETTLED + 20_000.0)])
    sound = stretched(chord, places)[:, 0]
    levels = [20 * np.log10(part.std() / chord.std()) for part in np.array_split(sound[SETTLED:-SETTLED], 8)]
    assert max(map(abs, levels)) < LEVEL_DB
    assert 1 / CENT < frequency(sound[-2 * RATE :]) / frequency(chord) < CENT


def test_a_held_sound_has_no_clicks() -> None:
    clicks = tone(300, 1, 0.1)
    clicks[20_000] = 0.9
    places = np.concatenate([np.arange(5000.0, 19_950), np.full(RATE, 19_950.0)])
    assert np.abs(stretched(clicks, places)[-RATE // 2 :]).max() < 0.15


def test_a_cut_makes_no_click() -> None:
    hz = 441.0  # a period of 100 samples: the tone goes on after a jump of a whole number of them
    sound = tone(hz, 3)
    places = np.arange(float(RATE)) + SETTLED
    places[20_000:] += 40_000
    steps = np.abs(np.diff(stretched(sound, places)[:, 0], 2))
    assert steps[SETTLED:-SETTLED].max() < 1.5 * np.abs(np.diff(sound, 2)).max()


def test_an_attack_after_a_cut_comes_at_once() -> None:
    """What precedes the new place is heard from the cut on, so that the latency does not delay it."""
    sound = np.zeros(2 * RATE)
    sound[50_000:50_040] = 0.5
    recording = BackingRecording(MONO, [sound[:, None].astype(np.float32)])
    stretch = TimeStretch(recording)
    n = 20 * stretch.frames.hop
    places = np.concatenate([np.arange(float(n)), 50_000 + stretch.latency - 300 + np.arange(8000.0)])
    loud = np.flatnonzero(np.abs(stretch.process(places)[:, 0]) > 0.2)
    assert abs(loud[0] - (n + 300)) < WITHIN


def test_silence_where_there_is_no_place() -> None:
    sound = stretched(tone(440, 1), np.concatenate([np.full(6000, np.nan), np.arange(9000.0), np.full(9000, np.nan)]))
    assert not sound[-5000:].any()
    assert not stretched(tone(440, 1), np.full(6000, np.nan)).any()
    assert not stretched(tone(440, 1), np.arange(1e7, 1e7 + 6000)).any(), "beyond the end"
