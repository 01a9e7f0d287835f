"""A recording of the accompaniment, at a tempo of its own, goes with a soloist; one of another piece is refused."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.app import main
from engine.accompaniment.parts import read_accompaniment
from engine.audio.files import AudioReader
from engine.score.score import make_score
from offline.accompaniment.backing import align_backing, played_score
from offline.synthesis.additive_piano import additive
from offline.synthesis.demo_performance import PerformConfig, perform
from tests.duos import BPM, STEADY, write_duo_score
from tests.places import SHARED

RATE = 44100
ANOTHER = PerformConfig(tempo=0.8, arch=0.15, wander=0.05, slowing=0.2, spread_ms=3.0, lead_ms=0.0, start_s=1.5)
MELODY = [(q / 2, 0.5, 67 + [0, 2, 4, 5, 7, 5, 4, 2][q % 8], 80) for q in range(64)]
CHORDS = [(q, 1, p, 70) for q in range(32) for p in ((48, 52, 55), (43, 47, 50), (45, 48, 52), (41, 45, 48))[q % 4]]
ALIGNED_S = 0.03  # of the truth, for most onsets
NEAR_S = 0.08  # of a steady soloist
SOUNDS_S = 0.03  # of an attack in the mix: the frame of its measure


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a score, the soloist's recording, and one of the accompaniment at another tempo."""
    folder = tmp_path_factory.mktemp("duo")
    both = read_accompaniment(write_duo_score(folder / "score.mid", MELODY, CHORDS))
    solo = perform(make_score("solo", MELODY, tempi=[(0, BPM)]), seed=0, config=STEADY)
    soundfile.write(folder / "solo.wav", additive(solo, RATE), RATE)
    backing = perform(played_score(both), seed=1, config=ANOTHER)
    soundfile.write(folder / "backing.wav", additive(backing, RATE), RATE)
    np.save(folder / "truth.npy", np.stack([backing.quarter, backing.audio_s]))
    return folder


def rises(sound: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    """How much later than each of these times the energy rises most, seconds."""
    hop = 128
    n = len(sound) // hop
    level = np.log(np.convolve((sound[: n * hop] ** 2).reshape(n, hop).sum(1), np.ones(4), "same") + 1e-6)
    rise = np.diff(level, prepend=level[0])
    reach = round(0.1 * RATE / hop)
    middle = np.round(at_s * RATE / hop).astype(int)
    return np.array([np.argmax(rise[m - reach : m + reach]) - reach for m in middle]) * hop / RATE


def test_it_is_aligned_at_its_own_tempo(duo: Path) -> None:
    both = read_accompaniment(duo / "score.mid")
    backing = align_backing(both, duo / "backing.wav")
    quarter, audio_s = np.load(duo / "truth.npy")
    assert np.array_equal(backing.quarter, quarter)
    assert np.median(np.abs(backing.audio_s - audio_s)) < ALIGNED_S


def test_a_recording_is_accompanied_by_a_recording(duo: Path, tmp_path: Path) -> None:
    mix, table = tmp_path / "mix.wav", tmp_path / "played.csv"
    words = ["accompany", str(duo / "score.mid"), "--input", str(duo / "solo.wav"), "--solo-gain", "-200"]
    words += ["--backing", str(duo / "backing.wav"), "-o", str(mix), "--scheduled", str(table)]
    assert main(words) == 0
    at_s = scheduled(table)
    assert list(at_s) == list(range(32))
    assert max(abs(at_s[q] - (0.5 + 0.6 * q)) for q in range(4, 32)) < NEAR_S
    found = rises(soundfile.read(mix)[0], np.array([at_s[q] for q in range(4, 32)]))
    assert np.median(np.abs(found)) < SOUNDS_S, "it sounds where the table says"


def scheduled(table: Path) -> dict[float, float]:
    with table.open() as file:
        return {float(row["quarter"]): float(row["audio_s"]) for row in csv.DictReader(file)}


def test_a_recording_of_another_piece_is_refused(duo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pitches = np.random.default_rng(0).integers(40, 90, 64)
    other = make_score("other", [(q / 2, 0.5, int(p), 70) for q, p in enumerate(pitches)], tempi=[(0, BPM)])
    soundfile.write(tmp_path / "other.wav", additive(perform(other, seed=2, config=ANOTHER), RATE), RATE)
    words = ["accompany", str(duo / "score.mid"), "--input", str(duo / "solo.wav")]
    words += ["--backing", str(tmp_path / "other.wav"), "-o", str(tmp_path / "mix.wav")]
    assert main(words) != 0
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "other.wav" in said
    assert "check that it is a recording of this piece" in said
    assert not (tmp_path / "mix.wav").exists()


@pytest.mark.parametrize("more", [["--port", "Orchestra"], ["--loop", "1-2"], ["--solo", "none"]])
def test_what_a_recording_cannot_do(more: list[str], duo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["accompany", str(duo / "score.mid"), "--input", "mic", "--backing", "x.wav", *more]
    assert main(words) != 0
    assert "--backing" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the recordings beside the project")
def test_a_real_soloist(tmp_path: Path) -> None:
    """A pianist's right hand is accompanied by a recording of the left at another tempo."""
    folder = SHARED / "duo" / "schubert_moment3_piano"
    both = read_accompaniment(folder / "score.musicxml")
    backing = additive(perform(played_score(both), seed=1, config=ANOTHER), RATE)
    soundfile.write(tmp_path / "backing.wav", backing, RATE)
    with AudioReader(folder / "solo.ogg") as reader:
        soundfile.write(tmp_path / "solo.wav", reader.read()[: 60 * RATE], RATE)
    words = ["accompany", str(folder / "score.musicxml"), "--input", str(tmp_path / "solo.wav"), "--solo-gain", "-200"]
    words += ["--backing", str(tmp_path / "backing.wav"), "-o", str(tmp_path / "mix.wav")]
    assert main([*words, "--scheduled", str(tmp_path / "played.csv")]) == 0
    at_s = scheduled(tmp_path / "played.csv")
    with (folder / "truth.csv").open() as file:
        truth = {float(row["quarter"]): float(row["audio_s"]) for row in csv.DictReader(file) if row["part"] != "solo"}
    errors = [abs(at_s[q] - s) for q, s in truth.items() if q in at_s and s < 58]
    assert np.mean(np.array(errors) < 0.1) > 0.85
    found = rises(soundfile.read(tmp_path / "mix.wav")[0], np.array([s for s in at_s.values() if 5 < s < 55]))
    assert np.median(np.abs(found)) < SOUNDS_S
