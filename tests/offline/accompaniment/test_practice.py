"""Practising over a recording: a loop that is broken off and begun again, and the report of it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.app import main
from engine.accompaniment.parts import read_accompaniment
from engine.score.loops import BarRange
from engine.score.score import Score
from offline.synthesis.additive_piano import additive
from offline.synthesis.demo_duet import write_duet_score
from offline.synthesis.demo_performance import PerformConfig, perform

RATE = 22050
LOOP_QUARTERS = 12.0  # of bars 1 to 4
NEAR_S = 0.12  # of the soloist, whose tempo moves


def part_of(score: Score, first: float, end: float) -> Score:
    """The notes between two quarters."""
    chosen = (score.note_quarter >= first) & (score.note_quarter < end)
    names = ("note_quarter", "note_duration", "note_pitch", "note_velocity", "note_id")
    return replace(score, **{name: getattr(score, name)[chosen] for name in names})


@pytest.fixture(scope="module")
def practised(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A folder with a score and a recording: bars 1-4, again up to the middle of bar 3, a pause, and once more.

    And rows (quarter in the loop, seconds) of what was played.
    """
    folder = tmp_path_factory.mktemp("practised")
    write_duet_score(folder / "score.musicxml")
    solo = read_accompaniment(folder / "score.musicxml", loop=BarRange(1, 4)).solo
    sounds, truth, begun_s = [], [], 0.0
    for seed, (first, end) in enumerate([(0.0, 19.0), (24.0, 36.0)]):
        config = PerformConfig(arch=0.04, wander=0.01, slowing=0.0, start_s=1.0)
        played = perform(part_of(solo, first, end), seed=seed, config=config)
        silence_s = max(float(played.audio_s[0]) - 1.0, 0.0)  # the player's clock begins at quarter 0
        sound = additive(played, RATE)[round(silence_s * RATE) :]
        at_s = played.audio_s - silence_s + begun_s
        truth += list(zip(played.quarter % LOOP_QUARTERS, at_s, strict=True))
        sounds.append(sound)
        begun_s += len(sound) / RATE
    soundfile.write(folder / "solo.wav", np.concatenate(sounds), RATE)
    return folder, np.array(truth)


def test_a_loop_is_accompanied_again_each_time(practised: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, truth = practised
    table, report, events = (tmp_path / name for name in ("played.csv", "report.csv", "events.jsonl"))
    words = ["accompany", str(folder / "score.musicxml"), "--input", str(folder / "solo.wav"), "--features", "bands"]
    words += ["--loop", "1-4", "--scheduled", str(table), "--report", str(report), "--events", str(events)]
    assert main(words) == 0
    with table.open() as file:
        played = np.array([(float(row["quarter"]), float(row["audio_s"])) for row in csv.DictReader(file)])
    at = [truth[np.abs(truth[:, 0] - quarter % LOOP_QUARTERS) < 0.01, 1] for quarter in played[:, 0]]
    off = np.array([np.abs(times - at_s).min() for times, at_s in zip(at, played[:, 1], strict=True) if len(times)])
    assert len(played) >= 8 and np.mean(off < NEAR_S) > 0.8
    with report.open() as file:
        rows = list(csv.DictReader(file))
    bars = [(int(row["bar"]), int(row["time"])) for row in rows if row["time"] != "0"]
    assert bars[:6] == [(1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (2, 2)]
    assert {(2, 3), (3, 3), (4, 2)} <= set(bars)
    assert (4, "skipped") in {(int(row["bar"]), row["remark"]) for row in rows}
    assert report.with_suffix(".png").stat().st_size > 5000
    notes = [event for line in events.read_text().splitlines() if (event := json.loads(line))["type"] == "note"]
    assert sum(1 if event["active"] else -1 for event in notes) == 0
