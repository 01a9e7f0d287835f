"""`collaparte train`: what its help shows, and what it says to do next."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cli.app import main


@pytest.mark.parametrize("task", ["separation", "similarity", "salience", "detection", "generation", "confidence"])
def test_help_shows_how_to_train_what_was_asked_for(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", task, "--help"]) == 0
    assert f"collaparte train {task}" in capsys.readouterr().out.split("examples:")[1]


def test_what_was_trained_is_played_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chords = np.array([[67, 62, 59, 55], [69, 64, 60, 57], [67, 60, 57, 50], [66, 62, 57, 43]])
    piece = np.repeat(chords, 16, axis=0).tolist()
    pieces = {split: [piece, piece] for split in ("train", "valid", "test")}
    (tmp_path / "Jsb16thSeparated.json").write_text(json.dumps(pieces))
    run = tmp_path / "run"
    assert main(["train", "generation", "--system", "Markov", "--data", str(tmp_path), "-o", str(run)]) == 0
    told = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("next: "))
    assert told == f"next: collaparte generate --model {run / 'Markov.npz'} -o piece.mid"
    written = tmp_path / "piece.mid"
    assert main(["generate", "--model", str(run / "Markov.npz"), "--bars", "2", "-o", str(written)]) == 0
    assert written.is_file()
