"""`collaparte accompany --backing` on a real JACK server: the recording sounds when the events say."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from engine.accompaniment.parts import read_accompaniment
from engine.score.score import make_score
from offline.accompaniment.backing import played_score
from offline.synthesis.additive_piano import additive
from offline.synthesis.demo_performance import PerformConfig, perform
from tests.cli.live.live_accompaniment import LiveAccompaniment
from tests.duos import BPM, STEADY, write_duo_score
from tests.engine.realtime.stage import Stage
from tests.jack_server import JackServer

pytestmark = pytest.mark.jack

QUARTERS = 16
MELODY = [(q / 2, 0.5, 67 + [0, 2, 4, 5, 7, 5, 4, 2][q % 8], 80) for q in range(2 * QUARTERS)]
ROOTS = (48, 43, 45, 41)
CHORDS = [(q, 1, ROOTS[q % 4] + step, 70) for q in range(QUARTERS) for step in (0, 4, 7)]
SLOWER = PerformConfig(tempo=0.8, arch=0.1, wander=0.0, slowing=0.0, spread_ms=0.0, lead_ms=0.0, start_s=1.0)
WIRES = (("player:out", "collaparte:in_1"), ("player:out", "collaparte:in_2"), ("collaparte:out_1", "recorder:in"))
APART_S = 0.03  # of attacks in the sound from each other, against the events: the frame of the measure


def test_a_recording_accompanies_on_a_device(tmp_path: Path) -> None:
    if missing := JackServer.missing():
        pytest.skip(missing)
    with JackServer(period=1024, realtime=True) as server:
        both = read_accompaniment(write_duo_score(tmp_path / "score.mid", MELODY, CHORDS))
        solo = additive(perform(make_score("solo", MELODY, tempi=[(0, BPM)]), seed=0, config=STEADY), server.rate)
        backing = additive(perform(played_score(both), seed=1, config=SLOWER), server.rate)
        soundfile.write(tmp_path / "backing.wav", backing, server.rate)
        words = ("--output", "jack", "--features", "bands", "--backing", str(tmp_path / "backing.wav"))
        with LiveAccompaniment(tmp_path, tmp_path, *words) as live, Stage(solo, tmp_path) as stage:
            live.wire(server, WIRES)
            stage.play()
            live.until(lambda: bool(live.events("accompanied")), "an onset")
            live.stop()
            recorded = stage.recorded()
    at_s = np.array([event["at_s"] for event in live.events("accompanied")])
    assert [event["quarter"] for event in live.events("accompanied")] == list(range(QUARTERS))
    assert np.abs(recorded["sound"]).max() > 0.01
    if not len(recorded["skipped"]) and not any("samples" in line for line in live.lines):
        assert_sounds_at(recorded["sound"], at_s, server.rate)


def assert_sounds_at(sound: np.ndarray, at_s: np.ndarray, rate: int) -> None:
    """The spectrum rises where the events are, but for one offset of the two clocks; low chords beat in their level."""
    rise = librosa.onset.onset_strength(y=sound, sr=rate, hop_length=rate // 200)
    places = np.round(at_s / 0.005).astype(int)
    shifts = np.arange(-places[0], len(rise) - places[-1])
    shift = int(shifts[np.argmax([rise[places + s].sum() for s in shifts])])
    reach = round(2 * APART_S / 0.005)
    found = [int(np.argmax(rise[max(p + shift - reach, 0) : p + shift + reach])) - reach for p in places[4:-1]]
    assert np.median(np.abs(found)) * 0.005 < APART_S
