"""Synthetic songs: what is composed, sung and produced, and the files that come of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.core.errors import EngineError
from offline.synthesis.channel_strip import add_room, compress, equalise, pan
from offline.synthesis.electronic import RATE, has_samples, play_samples, play_synthesiser
from offline.synthesis.singing import recorded_syllables, sing, syllables
from offline.synthesis.songs_compose import BAR, MAJOR, MINOR, Hit, Part, compose
from offline.synthesis.songs_render import drawn_voice, render_song

SAMPLE_RATE = 22050


@pytest.mark.parametrize("seed", range(5))
def test_compositions_are_playable_and_the_same_again(seed: int) -> None:
    piece, again = (compose(np.random.default_rng(seed), seconds=40) for _ in range(2))
    assert piece == again
    assert set(piece.parts) == {"drums", "bass", "other"}
    assert 25 < piece.seconds < 70
    assert piece.melody
    for part in (part for parts in piece.parts.values() for part in parts):
        assert part.notes
        assert 0 <= part.program < 128
        for note in part.notes:
            assert 0 <= note.start < piece.n_bars * BAR
            assert note.length > 0
            assert 20 < note.pitch < 100
            assert 1 <= note.velocity <= 127


def test_melody_stays_in_the_key_and_in_a_singer_s_range() -> None:
    piece = compose(np.random.default_rng(3), seconds=60)
    pitches = {hit.pitch % 12 for hit in piece.melody}
    assert any(pitches <= {(key + step) % 12 for step in scale} for scale in (MAJOR, MINOR) for key in range(12))
    assert max(h.pitch for h in piece.melody) - min(h.pitch for h in piece.melody) <= 21
    ends = [hit.start + hit.length for hit in piece.melody]
    assert all(end <= after.start + 1e-9 for end, after in zip(ends, piece.melody[1:], strict=False))


def level_db(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(audio**2)))


def sine(freq_hz: float, level: float = 0.5, seconds: float = 1.0) -> np.ndarray:
    wave = level * np.sin(2 * np.pi * freq_hz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)
    return np.repeat(wave[:, None], 2, axis=1)


def test_equaliser_lifts_its_centre_by_its_gain() -> None:
    lift = [
        level_db(equalise(sine(f), SAMPLE_RATE, centre_hz=1000, gain_db=6, q=1)[5000:]) - level_db(sine(f)[5000:])
        for f in (100, 1000, 9000)
    ]
    assert lift[1] == pytest.approx(6, abs=0.05)
    assert max(abs(lift[0]), abs(lift[2])) < 0.3


def test_compressor_follows_its_ratio() -> None:
    """4:1 above -20 dB: a 12 dB louder tone comes out 3 dB louder."""
    loud, soft = (
        compress(sine(440, level), SAMPLE_RATE, threshold_db=-20, ratio=4)[15000:] for level in (0.8, 0.8 / 10**0.6)
    )
    assert level_db(loud) - level_db(soft) == pytest.approx(3, abs=0.1)
    quiet = sine(440, 0.01)
    assert np.allclose(compress(quiet, SAMPLE_RATE, threshold_db=-20, ratio=4), quiet)


def test_pan_keeps_the_power() -> None:
    for where in (-1, -0.3, 0, 1):
        assert level_db(pan(sine(440), where)) == pytest.approx(level_db(sine(440)), abs=0.01)
    assert not np.round(pan(sine(440), -1)[:, 1], 9).any()


def test_room_rings_for_its_decay() -> None:
    click = np.zeros((SAMPLE_RATE, 2))
    click[0] = 1
    rung = add_room(np.random.default_rng(0), click, SAMPLE_RATE, decay_s=0.5, wet=0.5)
    assert level_db(rung[1:2000]) - level_db(rung[9000:11000]) == pytest.approx(48, abs=8)
    assert not rung[int(0.5 * SAMPLE_RATE) + 1 :].round(9).any()


def test_sung_notes_have_the_pitch_of_the_melody() -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    bank = syllables("en+f2", ["la", "ma"])
    melody = [Hit(i, 0.95, pitch, 100) for i, pitch in enumerate((57, 64, 60))]
    audio = sing(np.random.default_rng(0), melody, bank, tempo_bpm=60, sample_rate=SAMPLE_RATE)
    for i, hit in enumerate(melody):
        part = audio[int((i + 0.35) * SAMPLE_RATE) : int((i + 0.75) * SAMPLE_RATE)]
        correlation = np.correlate(part, part, "full")[len(part) - 1 :]
        lag = 40 + int(np.argmax(correlation[40:400]))
        heard = 69 + 12 * np.log2(SAMPLE_RATE / lag / 440)
        assert abs((heard - hit.pitch + 6) % 12 - 6) < 1  # the octave of a robot is nobody's business


@pytest.mark.slow
def test_a_rendered_song_is_a_folder_of_stems(tmp_path: Path) -> None:
    if shutil.which("fluidsynth") is None or shutil.which("espeak-ng") is None:
        pytest.skip("fluidsynth or espeak-ng is not installed")
    folder = render_song(tmp_path, 0, seconds=10)
    stems = {path.stem: soundfile.read(path)[0] for path in folder.iterdir()}
    assert set(stems) == {"vocals", "drums", "bass", "other"}
    assert len({len(audio) for audio in stems.values()}) == 1
    assert all(0.01 < np.abs(audio).max() < 0.6 for audio in stems.values())


def spectral_peak_hz(audio: np.ndarray) -> float:
    magnitude = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 1 << 18))
    return float(np.argmax(magnitude)) * RATE / (1 << 18)


@pytest.mark.parametrize("seed", range(4))
def test_the_synthesiser_plays_its_notes_in_tune_and_in_time(seed: int) -> None:
    part = Part(notes=[Hit(1.0, 1.0, 57, 100), Hit(3.0, 1.0, 64, 100)], program=0)
    audio = play_synthesiser(np.random.default_rng(seed), part, 60.0)
    assert not audio[: RATE - 1].any()
    for start, pitch in ((1, 57), (3, 64)):
        heard = 69 + 12 * np.log2(spectral_peak_hz(audio[int((start + 0.2) * RATE) : (start + 1) * RATE, 0]) / 440)
        off = (heard - pitch + 6) % 12 - 6  # of the nearest octave, or
        assert min(abs(off), abs(off - 7.02), abs(off - 3.86), abs(off + 2.3)) < 0.3  # of a loud higher partial


def test_samples_sound_where_the_drums_are_hit() -> None:
    if not has_samples():
        pytest.skip("the sonic-pi samples are not installed")
    part = Part(notes=[Hit(1.0, 0.2, 36, 100), Hit(2.0, 0.2, 42, 60)], program=0, drums=True)
    audio = play_samples(np.random.default_rng(0), part, 60.0, loops=0.0)
    assert not audio[:RATE].any()
    assert np.abs(audio[RATE : RATE + RATE // 10]).max() > 2 * np.abs(audio[2 * RATE : 2 * RATE + 4410]).max() > 0


def test_loops_play_in_the_bars_that_have_notes_and_fit_them() -> None:
    if not has_samples():
        pytest.skip("the sonic-pi samples are not installed")
    part = Part(notes=[Hit(bar * BAR, 0.2, 36, 100) for bar in (1, 2, 4)], program=0, drums=True)
    audio = play_samples(np.random.default_rng(1), part, 120.0, loops=1.0)
    bars = audio.reshape(5, 2 * RATE, 2)
    assert [bool(np.abs(bar).max() > 0.01) for bar in bars] == [False, True, True, False, True]


def record(path: Path, seconds: float, *, formant_hz: float = 700.0) -> Path:
    """A spoken vowel as it were: harmonics of 120 Hz under a resonance."""
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    gains = {f: np.exp(-(((f - formant_hz) / 200) ** 2)) for f in np.arange(120, 4000, 120)}
    wave = sum(gain * np.sin(2 * np.pi * f * t) for f, gain in gains.items())
    soundfile.write(path, 0.3 * wave / np.abs(wave).max(), SAMPLE_RATE)
    return path


def test_recorded_speakers_lend_their_formants(tmp_path: Path) -> None:
    paths = [record(tmp_path / f"{s}.wav", s) for s in (0.05, 0.4, 3.0)]
    (vowel,) = recorded_syllables(paths)  # the others are too short, and too long
    hz = np.fft.rfftfreq(512, 1 / SAMPLE_RATE)
    assert abs(hz[vowel.envelope.mean(0).argmax()] - 700) < 100
    assert np.median(vowel.voiced) > 0.5
    note = Hit(start=0, length=2, pitch=57, velocity=100)
    sung = sing(np.random.default_rng(0), [note], [vowel], tempo_bpm=60, sample_rate=SAMPLE_RATE)
    spectrum = np.abs(np.fft.rfft(sung[:SAMPLE_RATE] * np.hanning(SAMPLE_RATE)))
    assert abs(spectrum[150:300].argmax() + 150 - 220) < 12  # A3, give or take slide and vibrato


def test_most_songs_are_sung_by_recorded_speakers(tmp_path: Path) -> None:
    for i in range(9):
        record(tmp_path / f"sounds/speech/{i}.wav", 0.3 + i / 50, formant_hz=500 + 100 * i)
    with (tmp_path / "sounds/manifest.csv").open("w") as manifest:
        manifest.write("file,label,source\n" + "".join(f"speech/{i}.wav,speech,anna\n" for i in range(9)))
    bank = drawn_voice(np.random.default_rng(1), tmp_path / "sounds")
    assert len(bank) == 9
    with pytest.raises(EngineError, match="speakers"):
        drawn_voice(np.random.default_rng(1), empty(tmp_path / "none"))


def empty(folder: Path) -> Path:
    (folder / "dog").mkdir(parents=True)
    (folder / "dog/bark.wav").write_bytes(b"")
    return folder
