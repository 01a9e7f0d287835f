"""`collaparte cues check`, `cues record`, and `--cues` of other commands, on files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.terminal.stopping import USER_ERROR
from engine.score.readers import read_score
from engine.stage.cues.cue_list import read_cues
from tests.cli.files import collaparte
from tests.engine.following.play import RATE, sound
from tests.engine.score.musicxml.writing import FORWARD, backward, musicxml, note
from tests.engine.stage.osc.dump import osc_dump
from tests.places import ROOT
from tests.tolerances import MUSICAL_S

MARK = "<direction><direction-type><rehearsal>B</rehearsal></direction-type></direction>"
TUNE = ["C5", "E5", "G5", "A5", "F5", "D5", "B4", "G4", "A4", "C5", "D5", "E5", "F5", "A5", "G5", "B4"]
SHOW = """
[[cue]]
name = "sea"
at = "bar 2 beat 3"
pass = 2
does = { osc = "127.0.0.1:PORT", address = "/sea" }

[[cue]]
name = "storm"
at = "mark B"
lead_s = 0.25
does = [{ osc = "127.0.0.1:PORT", address = "/storm", args = [1] }, { sound = "none.wav" }]
"""


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four bars of quarters, all played twice."""
    bars = ["".join(note(name, 1) for name in TUNE[i : i + 4]) for i in range(0, 16, 4)]
    bars[0], bars[2], bars[3] = FORWARD + bars[0], MARK + bars[2], bars[3] + backward()
    path = tmp_path_factory.mktemp("score") / "piece.musicxml"
    path.write_text(musicxml(bars))
    return path


@pytest.fixture(scope="module")
def take(score: Path) -> Path:
    audio, played = sound(read_score(score))
    path = score.with_name("take.wav")
    soundfile.write(path, audio, RATE)
    np.savetxt(score.with_name("truth.csv"), np.column_stack([played.quarter, played.audio_s]), delimiter=",")
    return path


def show_of(folder: Path, port: int = 9, text: str = SHOW) -> Path:
    path = folder / "show.toml"
    path.write_text(text.replace("PORT", str(port)))
    return path


def test_check_prints_where_each_cue_acts(score: Path, tmp_path: Path) -> None:
    show = show_of(tmp_path, text=SHOW.replace(', { sound = "none.wav" }', ""))
    ended = collaparte("cues", "check", show, "--score", score)
    rows = [line.split() for line in ended.out.splitlines()]
    assert ended.status == 0 and [row[:5] for row in rows[1:]] == [
        ["3", "1", "8", "1", "0:04.11"],
        ["2", "3", "22", "2", "0:12.00"],
        ["3", "1", "24", "2", "0:12.84"],
    ]
    assert rows[1][5:] == ["storm", "osc", "127.0.0.1:9", "/storm"]
    assert ended.lines[-1] == "2 cues, which act 3 times"


@pytest.mark.parametrize(
    ("more", "when", "said"),
    [
        ("", "0:00.55", "cue begin: acts 0.55 s late: 2 notes confirm the beginning; at_once = true"),
        ("at_once = true", "0:00.00", ""),
        ("at_once = true\nlead_s = 0.25", "0:00.00", "cue begin: acts with the first note, 0.25 s late"),
    ],
)
def test_check_says_that_a_cue_on_the_first_note_comes_late(
    score: Path, tmp_path: Path, more: str, when: str, said: str
) -> None:
    text = f"""[[cue]]\nname = "begin"\nat = "quarter 0"\ndoes = {{ osc = "127.0.0.1:9", address = "/go" }}\n{more}\n"""
    ended = collaparte("cues", "check", show_of(tmp_path, text=text), "--score", score)
    assert ended.status == 0 and ended.out.splitlines()[1].split()[4] == when
    told = "\n".join(ended.lines)
    assert said in told and bool(said) == ("cue begin:" in told)


def test_check_says_what_is_wrong(score: Path, tmp_path: Path) -> None:
    ended = collaparte("cues", "check", show_of(tmp_path), "--score", score)
    assert ended.status == USER_ERROR and "line 8, cue storm: expected a sound file, got none at" in ended.errors[0]
    ended = collaparte("cues", "check", show_of(tmp_path, text=SHOW.replace("mark B", "mark Z")), "--score", score)
    assert (
        ended.status == USER_ERROR and "line 8, cue storm: expected one of the marks B, got mark Z" in ended.errors[0]
    )


def test_cues_over_files_want_a_score_and_events(score: Path, tmp_path: Path) -> None:
    show, quiet = show_of(tmp_path), tmp_path / "quiet.wav"
    soundfile.write(quiet, np.zeros(4000), 8000)
    ended = collaparte("run", "--input", quiet, "--score", score, "--cues", show)
    assert ended.status == USER_ERROR and "--cues: expected a device, or --events, got files only" in ended.errors[0]
    ended = collaparte(
        "run", "--input", quiet, "--separate", "hpss", "-o", tmp_path / "s", "--cues", show, "--events", "-"
    )
    assert ended.status == USER_ERROR and "--cues: expected a score to follow, got none" in ended.errors[0]


@pytest.mark.slow
def test_run_over_a_file_tells_when_each_acts(score: Path, take: Path, tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    soundfile.write(tmp_path / "none.wav", np.full(100, 0.5), RATE)
    more = ["--cues", show_of(tmp_path), "--events", log, "--output", tmp_path / "stems"]
    ended = collaparte("run", "--input", take, "--score", score, *more)
    assert ended.status == 0, ended.errors
    calls = [line for text in log.read_text().splitlines() if (line := json.loads(text))["type"] == "cue"]
    quarters, onset_s = np.loadtxt(score.with_name("truth.csv"), delimiter=",").T
    due = {24.0: ("storm", 0.25), 22.0: ("sea", 0.0), 8.0: ("storm", 0.25)}
    assert [(call["name"], call["quarter"]) for call in calls] == [("storm", 8.0), ("sea", 22.0), ("storm", 24.0)]
    for call in calls:
        expected_s = np.interp(call["quarter"], quarters, onset_s) - due[call["quarter"]][1]
        assert call["fired"] and abs(call["at_s"] - expected_s) < MUSICAL_S
    heard, _ = soundfile.read(tmp_path / "stems" / "cues.wav")
    storms = [round(call["at_s"] * RATE) for call in calls if call["name"] == "storm"]
    assert np.flatnonzero(heard).tolist() == [at + i for at in storms for i in range(100)]


def command(*arguments: object) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "cli", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_stage_over_a_file_acts(score: Path, take: Path, tmp_path: Path) -> None:
    with osc_dump() as dump:
        show = show_of(tmp_path, dump.port, SHOW.replace(', { sound = "none.wav" }', ""))
        more = ["--begin", "now", "--once", "--no-browser", "--port", 0]
        child = command("stage", score, "--input", take, "--cues", show, *more)
        try:
            heard = dump.until("/storm") + dump.until("/storm")
            said, _ = child.communicate(timeout=60)
        finally:
            child.kill()
    assert heard == ["/storm i 1", "/sea", "/storm i 1"], said
    assert child.returncode == 0 and "Traceback" not in said


@pytest.mark.slow
def test_a_key_puts_a_cue_where_the_music_is(score: Path, take: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.toml"
    child = command("cues", "record", path, "--score", score, "--input", take)
    assert child.stdin is not None and child.stdout is not None
    said: list[str] = []
    try:
        for line in child.stdout:
            said.append(line)
            if "bar" in line and len([each for each in said if each.startswith("cue ")]) < 2:
                child.stdin.write("\n")
                child.stdin.flush()
        assert child.wait() == 0, said
    finally:
        child.kill()
    cues = read_cues(path)
    assert len(cues.entries) >= 1 and cues.planned(read_score(score)), said
    again = collaparte("cues", "record", path, "--score", score, "--input", take)
    assert again.status == USER_ERROR and "expected a new file, got one that is there" in again.errors[0]
