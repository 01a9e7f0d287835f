"""The synthesiser: when its notes sound, how they end, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.accompaniment import synthesiser as module
from engine.accompaniment.fluidsynth import has_fluidsynth
from engine.accompaniment.synthesiser import SYNTH_GRID, Synthesiser
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.audio.soundfont import find_soundfont
from engine.core.errors import ConfigError, EngineWarning
from engine.core.format import AudioFormat
from engine.midi.notes import note_off, note_on
from tests.places import ROOT

RATE = 48_000
FLUIDSYNTH = has_fluidsynth() and find_soundfont() is not None
needs_fluidsynth = pytest.mark.skipif(not FLUIDSYNTH, reason="FluidSynth or a soundfont is not installed")
both = pytest.mark.parametrize(
    "engine", ["built-in", pytest.param("fluidsynth", marks=needs_fluidsynth)], ids=["built-in", "fluidsynth"]
)
ORGAN = 19
SILENT = 1e-4  # of full scale: the reverberation hums below this
CENTS = 4.0  # by which the peak of a spectrum of one second is placed


def build(engine: str, n_channels: int = 2, rate: int = RATE, **settings: object) -> Synthesiser:
    config = SynthesiserConfig(engine=engine, **settings)  # type: ignore[arg-type]
    return Synthesiser(AudioFormat(sample_rate=rate, n_channels=n_channels), config)


def first_sound(audio: np.ndarray) -> int:
    return int(np.flatnonzero(np.abs(audio).max(axis=1) > SILENT)[0])


@both
@pytest.mark.parametrize("at", [0, 1, 63, 64, 65, 5000])
def test_a_note_sounds_at_the_next_multiple_of_the_grid(engine: str, at: int) -> None:
    synth = build(engine, reverb=0.0)
    tones = []
    for start in (0, at):
        synth.reset()
        synth.send(start, note_on(0, 69, 100))
        tones.append(synth.render(12_000).copy())
    shift = -(-at // SYNTH_GRID) * SYNTH_GRID
    assert np.abs(tones[1][:shift]).max(initial=0) < SILENT
    assert np.array_equal(tones[1][shift:], tones[0][: 12_000 - shift])


@both
def test_a_late_message_sounds_at_once(engine: str) -> None:
    synth = build(engine, reverb=0.0)
    synth.render(6400)
    synth.send(10, note_on(0, 69, 100))
    late = synth.render(2000).copy()
    synth.reset()
    synth.send(0, note_on(0, 69, 100))
    assert np.array_equal(late, synth.render(2000))


@both
def test_a_note_that_ends_where_it_begins_again_sounds(engine: str) -> None:
    """Whatever the order of the calls: its end comes first."""
    synth = build(engine)
    synth.program(0, ORGAN)
    synth.send(0, note_on(0, 69, 100))
    synth.send(9600, note_on(0, 69, 100))
    synth.send(9600, note_off(0, 69))
    assert np.abs(synth.render(48_000)[40_000:]).max() > 0.01


@both
def test_silence_ends_all_that_sounds_and_is_queued(engine: str) -> None:
    synth = build(engine, reverb=1.0)
    synth.program(0, ORGAN)
    synth.send(0, bytes((0xB0, 64, 127)))
    for pitch in (60, 64, 67):
        synth.send(0, note_on(0, pitch, 100))
        synth.send(20_000, note_on(0, pitch + 12, 100))
    before = synth.render(10_000)[-100:].copy()
    synth.silence()
    after = synth.render(30_000).copy()
    assert np.abs(before).max() > 0.05
    assert np.abs(after[: RATE // 50]).max() > 0.01  # no click: it fades
    assert np.abs(after[RATE // 40 :]).max() < SILENT


@both
def test_silence_keeps_the_instruments_and_volumes(engine: str) -> None:
    """So that after a jump the same instruments go on; but the pedal is up."""
    synth = build(engine, reverb=0.0)
    fresh = [(0, bytes((0xC0, ORGAN))), (0, bytes((0xB0, 7, 60))), (0, bytes((0xE0, 0, 80)))]
    notes = [note_on(0, 60, 100), note_off(0, 60)]

    def play(start: int) -> np.ndarray:
        synth.send(start, notes[0])
        synth.send(start + 9600, notes[1])
        return synth.render(19_200).copy()

    for at, message in [*fresh, (0, bytes((0xB0, 64, 127)))]:
        synth.send(at, message)
    play(0)
    synth.silence()
    synth.render(9600)
    again = play(28_800)
    synth.reset()
    for at, message in fresh:
        synth.send(at, message)
    assert np.abs(again - play(0)).max() < SILENT


@both
def test_reset_forgets_what_messages_set_but_not_the_instruments(engine: str) -> None:
    synth = build(engine)
    synth.program(0, ORGAN)
    synth.send(0, note_on(0, 60, 100))
    first = synth.render(9600).copy()
    synth.send(0, bytes((0xC0, 0)))
    synth.send(0, bytes((0xB0, 7, 10)))
    synth.render(9600)
    synth.reset()
    synth.send(0, note_on(0, 60, 100))
    assert np.array_equal(first, synth.render(9600))


def pitch_hz(synth: Synthesiser) -> float:
    synth.program(0, ORGAN)
    synth.send(0, note_on(0, 69, 100))
    tone = synth.render(2 * RATE)[RATE // 2 :, 0].astype(float)
    n = 1 << 20
    spectrum = np.abs(np.fft.rfft(tone * np.hanning(len(tone)), n))
    low, high = 390 * n // RATE, 560 * n // RATE
    return float((low + spectrum[low:high].argmax()) * RATE / n)


@both
@pytest.mark.parametrize(("a4_hz", "semitones"), [(442.0, 0), (415.0, 0), (440.0, 3), (442.0, 2)])
def test_concert_pitch_and_transposition(engine: str, a4_hz: float, semitones: int) -> None:
    plain = pitch_hz(build(engine, reverb=0.0))
    other = pitch_hz(build(engine, reverb=0.0, a4_hz=a4_hz, transposition=semitones))
    cents = 1200 * np.log2(other / plain)
    assert cents == pytest.approx(1200 * np.log2(a4_hz / 440) + 100 * semitones, abs=CENTS)


@both
def test_drums_are_not_transposed(engine: str) -> None:
    hits = []
    for semitones in (0, 5):
        synth = build(engine, transposition=semitones)
        synth.send(0, note_on(9, 38, 100))
        hits.append(synth.render(4800).copy())
    assert np.array_equal(*hits)


@both
@pytest.mark.parametrize("rate", [1000, 8000, 11_025, 44_100, 88_200, 96_000, 176_400, 192_000, 384_000])
def test_any_sample_rate(engine: str, rate: int) -> None:
    synth = build(engine, rate=rate, reverb=0.0)
    synth.send(rate // 10, note_on(0, 57, 110))
    audio = synth.render(rate // 2)
    begins = (first_sound(audio) - synth.latency) / rate
    assert len(audio) == rate // 2
    assert 0.1 - 0.07 < begins < 0.1 + 0.07  # the filter rings before at the lowest rates


@both
def test_any_number_of_channels(engine: str) -> None:
    rendered = {}
    for n_channels in (1, 2, 6):
        synth = build(engine, n_channels)
        synth.send(0, bytes((0xB0, 10, 20)))
        synth.send(0, note_on(0, 60, 100))
        rendered[n_channels] = synth.render(4800).copy()
        assert rendered[n_channels].shape == (4800, n_channels)
    np.testing.assert_allclose(rendered[1][:, 0], rendered[2].mean(axis=1), atol=1e-7)
    assert np.array_equal(rendered[6][:, :2], rendered[2])
    assert not rendered[6][:, 2:].any()


@both
def test_gain_in_db(engine: str) -> None:
    loud = []
    for gain_db in (0.0, -20.0):
        synth = build(engine, gain_db=gain_db, reverb=0.0)
        synth.send(0, note_on(0, 60, 100))
        loud.append(float(np.abs(synth.render(9600)).max()))
    assert loud[1] == pytest.approx(loud[0] / 10, rel=0.01)


@both
def test_more_notes_than_voices(engine: str) -> None:
    synth = build(engine, polyphony=4)
    for pitch in range(40, 80):
        synth.send(pitch * 10, note_on(0, pitch, 127))
    assert np.isfinite(synth.render(9600)).all()


@pytest.mark.parametrize("message", [b"\x90", b"\x90\x40", b"\xc0", b"\x90\x40\x80", b"\xe0\x00"])
def test_a_message_cut_short_is_an_error(message: bytes) -> None:
    with pytest.raises(ConfigError, match="MIDI message"):
        build("built-in").send(0, message)


def test_what_is_no_channel_message_does_nothing() -> None:
    synth = build("built-in")
    for message in (b"", b"\xf8", b"\xf0\x01\xf7", b"\x40\x40"):
        synth.send(0, message)
    assert not synth.render(640).any()


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\x00\x00\x00\x00WAVEfmt ", b"RIFF\x10\x00\x00\x00sfbkLIST"])
@needs_fluidsynth
def test_a_soundfont_that_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "piano.sf2"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"piano\.sf2: expected a soundfont") as error:
        build("auto", soundfont=path)
    assert "\n" not in str(error.value)


@needs_fluidsynth
@pytest.mark.parametrize("name", ["none.sf2", "."])
def test_a_soundfont_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="expected a soundfont"):
        build("auto", soundfont=tmp_path / name)


def test_without_fluidsynth_the_built_in_synthesiser_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "has_fluidsynth", lambda: False)
    with pytest.warns(EngineWarning, match="the small built-in synthesiser plays"):
        synth = build("auto")
    assert synth.source == "built-in"
    with pytest.raises(ConfigError, match="no library"):
        build("fluidsynth")
    with pytest.raises(ConfigError, match="no library"):
        build("auto", soundfont=Path("piano.sf2"))


OFFLINE = """
import socket, sys
def refuse(*args, **more): raise OSError("offline")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
sys.modules["fluidsynth"] = None  # beside this package partitura downloads a soundfont at its import
import warnings; warnings.simplefilter("ignore")
from engine.accompaniment import Synthesiser
from engine.core.format import AudioFormat
synth = Synthesiser(AudioFormat(sample_rate=48000, n_channels=2))
synth.send(0, bytes((0x90, 60, 100)))
assert abs(synth.render(4800)).max() > 0.01
assert "partitura" not in sys.modules
"""


def test_nothing_is_downloaded() -> None:
    done = subprocess.run([sys.executable, "-c", OFFLINE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stdout and not done.stderr, done.stderr
