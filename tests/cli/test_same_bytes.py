"""The same seed writes the same bytes, whatever the system, the process and the time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from offline.generation.cards import find_weights
from offline.generation.systems import SYSTEMS
from tests.places import ROOT

PROGRAM = """
import json, sys
from cli.app import main
data, folder, systems = json.loads(sys.argv[1])
for name, suffix in systems:
    words = ["generate", "--model", name, "--seed", "5", "-o", f"{folder}/{name}{suffix}"]
    words += ["--seconds", "0.05"] if suffix == ".wav" else ["--bars", "2"]
    assert main([*words, *(["--data", data] if name == "Markov" else [])]) == 0, name
"""


def write_corpus(folder: Path) -> Path:
    chords = np.array([[67, 62, 59, 55], [69, 64, 60, 57], [67, 60, 57, 50], [66, 62, 57, 43]])
    order = np.random.default_rng(0).integers(0, 4, (3, 40))
    pieces = {s: [np.repeat(chords[o], 4, axis=0).tolist() for o in order] for s in ("train", "valid", "test")}
    (folder / "Jsb16thSeparated.json").write_text(json.dumps(pieces))
    return folder


def test_every_system_writes_the_same_file_twice(tmp_path: Path) -> None:
    rows = [(name, ".wav" if system.sound else ".mid") for name, system in SYSTEMS.items()]
    here = [(name, suffix) for name, suffix in rows if name == "Markov" or find_weights(SYSTEMS[name].weights)]
    assert len(here) >= 12  # what ships, and Markov
    data = write_corpus(tmp_path)
    for run, (hashing, at) in enumerate((("1", "2020-01-01 10:00:00"), ("2", "2031-05-06 07:08:09"))):
        (tmp_path / str(run)).mkdir()
        given = json.dumps([str(data), str(tmp_path / str(run)), here])
        environment = {**os.environ, "PYTHONHASHSEED": hashing, **faked_time(at)}
        subprocess.run(
            [sys.executable, "-c", PROGRAM, given], cwd=ROOT, env=environment, check=True, capture_output=True
        )
    for name, suffix in here:
        first, second = ((tmp_path / str(run) / f"{name}{suffix}").read_bytes() for run in (0, 1))
        assert first == second, name
        assert b"PEAK" not in first[:200]  # a chunk with the time of writing
        assert len(first) > 40


def faked_time(at: str) -> dict[str, str]:
    """The environment of another time of day, where libfaketime is installed."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    return {} if library is None else {"LD_PRELOAD": str(library), "FAKETIME": f"@{at}"}


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "0", "1e9", "x"])
def test_lengths_that_cannot_be_are_refused_in_one_line(seconds: str) -> None:
    words = [sys.executable, "-m", "cli", "generate", "--model", "WaveNet", "-o", "x.wav", "--seconds", seconds]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("collaparte: --seconds: expected a")
