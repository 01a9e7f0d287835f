"""Three minutes of the soak, and that each of its checks can fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.jack_server import JackServer
from tests.places import ROOT
from tests.soak.meters import ProcessLife
from tests.soak.pilot import PERIOD, pilot
from tests.soak.verdict import memory_flat, notes_end, unlike

NOISE = np.tile(pilot(), 6)


@pytest.mark.jack
@pytest.mark.slow
def test_three_minutes_with_faults_at_random() -> None:
    if missing := JackServer.missing():
        pytest.skip(missing)
    command = [sys.executable, "-m", "tests.soak", "--minutes", "3", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "all is well" in done.stdout


def recording(folder: Path, sound: np.ndarray) -> list[Path]:
    """Two stems that make up a sound, and a tone as loud as a soloist's."""
    tone = 0.3 * np.sin(np.arange(len(sound)) * 0.06).astype(np.float32) * (sound != 0)
    for name, stem in (("a", tone), ("b", sound)):
        soundfile.write(folder / f"{name}.wav", np.stack([stem, stem], axis=1), 48_000, subtype="FLOAT")
    return sorted(folder.glob("*.wav"))


def test_a_whole_recording_has_neither_holes_nor_leaps(tmp_path: Path) -> None:
    assert unlike(recording(tmp_path, NOISE), len(NOISE)) == ([], [])


def test_silence_in_a_recording_is_found(tmp_path: Path) -> None:
    sound = NOISE.copy()
    sound[100_000:100_512] = 0
    assert unlike(recording(tmp_path, sound), len(sound))[0] == [(100_000, 100_512)]


def test_samples_that_are_missing_from_a_recording_are_found(tmp_path: Path) -> None:
    at = 3 * PERIOD
    sound = np.concatenate([NOISE[:at], NOISE[at + 1024 :]])
    silent, moved = unlike(recording(tmp_path, sound), len(sound))
    assert not silent and len(moved) == 1 and moved[0][0] <= at <= moved[0][1]


def note(t: float, midi: str, life: int = 0) -> dict[str, object]:
    return {"life": life, "port": "Orchestra:out", "t": t, "midi": midi}


def test_a_hanging_note_is_found() -> None:
    ended = [note(0.0, "903c40"), note(1.0, "803c40")]
    assert notes_end(ended) == []
    assert notes_end([*ended, note(2.0, "903e40")]) == ["note 62 of Orchestra:out sounds at the end"]
    assert notes_end([note(0.0, "903c40"), note(30.0, "903c00")]) == ["note 60 of Orchestra:out sounded for 30.0 s"]
    assert notes_end([note(0.0, "903c40"), note(1.0, "b07b00")]) == []
    assert notes_end([note(0.0, "903c40"), *(note(9.0 + row["t"], row["midi"], 1) for row in ended)]) == []  # type: ignore
    assert notes_end([]) == ["no note was heard"]


def life(mb: float, files: int) -> ProcessLife:
    """A process of ten minutes that grows by so much a minute."""
    rows = [(float(t), 100 + mb * t / 60, 10 + files * t // 60) for t in range(600)]
    return ProcessLife("run", "main", 1, rows)


def test_what_grows_is_found() -> None:
    assert memory_flat([life(0.0, 0), life(0.1, 0)]) == []
    assert "MB" in memory_flat([life(3.0, 0)])[0]
    assert "open files" in memory_flat([life(0.0, 1)])[0]
