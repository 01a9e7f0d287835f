"""The listening test: blind, balanced, equally loud, and read back right."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.core.errors import ConfigError
from offline.evaluation.listening_test import analyse_answers, report_answers, sign_test, write_test

RATE = 8000


@pytest.fixture
def sounds(tmp_path: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for k, system in enumerate(("Bach", "Frames", "Markov")):
        found[system] = []
        for i in range(3):
            path = tmp_path / f"{system}{i}.wav"
            tone = np.sin(2 * np.pi * (200 + 50 * i) * np.arange(RATE) / RATE)
            soundfile.write(path, tone * 0.5 / 4**k, RATE)
            found[system].append(path)
    return found


def test_pairs_are_balanced_and_blind(sounds: dict[str, list[Path]], tmp_path: Path) -> None:
    trials = write_test(sounds, tmp_path / "out", n_pairs=4)
    key = json.loads((tmp_path / "out" / "key.json").read_text())
    count = Counter((key[a], key[b]) for a, b in trials)
    assert set(count.values()) == {2}
    assert len(count) == 6
    page = (tmp_path / "out" / "index.html").read_text()
    assert not re.search("Bach|Frames|Markov", page)
    assert all((tmp_path / "out" / name).exists() for trial in trials for name in trial)


def test_all_are_equally_loud(sounds: dict[str, list[Path]], tmp_path: Path) -> None:
    write_test(sounds, tmp_path / "out")
    levels = [np.sqrt(np.mean(soundfile.read(p)[0] ** 2)) for p in (tmp_path / "out").glob("*.wav")]
    np.testing.assert_allclose(20 * np.log10(levels), -23, atol=0.05)


def test_answers_are_counted_whichever_side_they_were_on(sounds: dict[str, list[Path]], tmp_path: Path) -> None:
    trials = write_test(sounds, tmp_path / "out", n_pairs=10)
    key = json.loads((tmp_path / "out" / "key.json").read_text())
    likes = {"Bach": 2, "Frames": 1, "Markov": 0}
    answers = [{"first": a, "second": b, "better": max((a, b), key=lambda name: likes[key[name]])} for a, b in trials]
    answers[0]["better"] = None
    (tmp_path / "1.json").write_text(json.dumps({"listener": "x", "answers": answers}))
    found = {(p.one, p.other): p for p in analyse_answers(tmp_path / "out", [tmp_path / "1.json"])}
    assert (found["Frames", "Markov"].wins, found["Frames", "Markov"].losses) == (10, 0)
    assert found["Frames", "Markov"].p == pytest.approx(2 / 1024)
    assert found["Bach", "Frames"].ties == 1
    assert "Frames against Markov" in report_answers(list(found.values()))


def test_the_sign_test() -> None:
    assert sign_test(5, 5) == 1
    assert sign_test(0, 6) == pytest.approx(2 / 64)
    assert sign_test(0, 0) == 1


def test_too_few_systems() -> None:
    with pytest.raises(ConfigError, match="two systems"):
        write_test({"Bach": []}, Path("nowhere"))


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_script_is_well_formed(sounds: dict[str, list[Path]], tmp_path: Path) -> None:
    write_test(sounds, tmp_path / "out")
    script = re.search(r"<script>(.*)</script>", (tmp_path / "out" / "index.html").read_text(), re.DOTALL)
    assert script is not None
    (tmp_path / "page.js").write_text(script[1])
    subprocess.run(["node", "--check", str(tmp_path / "page.js")], check=True)
