"""Every system, tiny: it learns, it can be resumed, and its corpora are what they should be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.core.errors import ConfigError, ScoreError
from offline.generation.config import GeneratorConfig
from offline.generation.open_system import open_generator
from offline.generation.stream import collect
from offline.music.chords import chord_code, chords_of, with_chords
from offline.music.corpora import Corpora
from offline.music.piece import from_grid, transpose
from offline.music.piece_sets import save_pieces
from offline.music.rules import blues, grooves, sound_of
from offline.training.common.checkpoint import CHECKPOINT, read_checkpoint
from offline.training.generation.build import build_training
from offline.training.generation.config import GenerationSurvey, GenerationTraining, trained_systems
from offline.training.generation.data import random_windows
from offline.training.generation.train import train_generation, train_survey

NOT_IN_25_STEPS = {"C-RNN-GAN", "MidiNet", "RL-Tuner", "DeepHear_M", "DeepHear_C", "UnitSelection"}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def tiny(name: str, folder: Path, output: Path = Path("unused"), **more: Any) -> GenerationTraining:
    return GenerationTraining(system=name, data=folder, output=output, size="tiny", batch=4, device="cpu", **more)


def trained(task: Any, steps: int) -> Any:
    optimiser = torch.optim.Adam(task.model.parameters(), 0.02)
    task.model.train()
    for index in range(steps):
        loss, _ = task.loss(index)
        assert bool(torch.isfinite(loss))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return task


@pytest.mark.parametrize("name", [name for name in trained_systems() if name != "Frames"])
def test_it_learns(name: str, folder: Path) -> None:
    task = build_training(tiny(name, folder))
    before = task.validate(task.model.eval())["metric"]
    after = trained(task, 25).validate(task.model.eval())["metric"]
    assert np.isfinite(after)
    if name not in NOT_IN_25_STEPS:
        assert after < before
    assert task.validate(task.model)["metric"] == after


@pytest.mark.parametrize("name", ["Frames", "MiniBach"])
def test_it_trains_and_resumes(name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    config = tiny(name, folder, tmp_path, dropout=0.15)
    config = replace(config, loop=replace(config.loop, steps=3))
    train_generation(config)
    train_generation(replace(config, resume=True))
    texts = capsys.readouterr().out
    assert "parameters, from step 0" in texts and "parameters, from step 3" in texts
    if name == "Frames":
        saved = read_checkpoint(tmp_path / CHECKPOINT)
        assert saved.task["network"]["dropout"] == 0.15
        assert saved.loop["weight_decay"] > 0


def test_what_cannot_be_trained_is_refused_with_those_that_can(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"Markov, Frames, BachBot.*got 'Bach'"):
        tiny("Bach", folder)


def test_counts_are_written_and_played(folder: Path, tmp_path: Path) -> None:
    figures = train_generation(tiny("Markov", folder, tmp_path))
    assert 0 < figures["metric"] < 4
    table = tmp_path / "Markov.npz"
    pieces = [collect(open_generator(str(table), GeneratorConfig(seed=seed)), 64).notes.tobytes() for seed in (1, 1, 2)]
    assert pieces[0] == pieces[1] != pieces[2]
    counted = collect(open_generator("Markov", GeneratorConfig(seed=1), folder), 64).notes.tobytes()
    assert counted == pieces[0]


def test_units_learn_which_bar_follows_and_which_note(folder: Path) -> None:
    task = build_training(tiny("UnitSelection", folder))
    before = task.loss(0)[1]
    after = trained(task, 30).loss(0)[1]
    assert all(after[name] < 0.9 * before[name] for name in ("notes", "ranked"))


def test_reinforcement_raises_the_reward(folder: Path) -> None:
    task: Any = build_training(tiny("RL-Tuner", folder))
    figures = trained(task, task.learn_steps + 40).validate(task.model)
    assert figures["metric"] < figures["judge"]  # minus reward: the policy beats the network it began as


@pytest.mark.slow
def test_the_survey_trains_systems_side_by_side(folder: Path, tmp_path: Path) -> None:
    survey = GenerationSurvey(
        data=folder,
        output=tmp_path,
        systems=("Blues_C", "MiniBach"),
        size="tiny",
        batch=4,
        jobs=2,
        steps=2,
        device="cpu",
    )
    lines = train_survey(survey).splitlines()
    assert [line.split()[0] for line in lines] == ["Blues_C", "MiniBach"]
    assert all(float(line.split()[-1]) > 0 for line in lines)
    assert (tmp_path / "MiniBach" / CHECKPOINT).exists()
    failing = replace(survey, data=tmp_path / "nothing", systems=("MiniBach",))
    assert "failed" in train_survey(failing) and "Jsb16thSeparated.json" in train_survey(failing)


def test_a_missing_corpus_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=r"tunes\.json.*music21"):
        Corpora(tmp_path).tunes()


def test_chords_by_their_triads() -> None:
    frames = np.repeat(np.array([[72, 67, 64, 48], [72, 69, 64, 57]]), 4, axis=0)
    assert chords_of(frames).tolist() == [1, 13 + 9]  # C major, A minor
    code = chord_code(np.array([1, 22, 0]))
    assert code[0].nonzero()[0].tolist() == [0]
    assert code[1].nonzero()[0].tolist() == [9, 12]
    assert not code[2].any()
    assert with_chords(frames).notes["pitch"].tolist() == [72, 1, 22]


def test_music_made_by_rule() -> None:
    chorus = blues(np.random.default_rng(0))
    assert chorus.shape == (96, 25)
    assert chorus[32, :12].nonzero()[0].tolist() == [0, 3, 5, 9]  # bar five: F seventh
    assert (chorus[:, 12:].sum(1) <= 1).all()
    tokens, conditions = grooves(np.random.default_rng(0))
    assert all(tokens[bar * 16 + beat] & 2 for bar in range(3) for beat in (4, 12))  # the backbeat
    assert conditions.shape == (128, 22)


def test_the_organ_is_in_tune() -> None:
    sound = sound_of(np.full((32, 1), 69, np.int16), 8000)
    assert np.argmax(np.abs(np.fft.rfft(sound))) * 8000 / len(sound) == pytest.approx(440, abs=1)


def test_windows_stay_inside_and_fill_up() -> None:
    rng = np.random.default_rng(0)
    drawn = random_windows([np.arange(1, 4), np.arange(10, 40)], 50, 5, rng)
    for row in drawn:
        assert row.tolist() == [1, 2, 3, 0, 0] or np.all(np.diff(row) == 1)


def test_scores_with_fermatas_are_divided_as_the_grid_of_the_same_music_is(folder: Path, tmp_path: Path) -> None:
    grid = tmp_path / "Jsb16thSeparated.json"
    grid.write_bytes((folder / grid.name).read_bytes())
    plain = Corpora(tmp_path)
    rng = np.random.default_rng(0)
    music = {s: [rng.integers(50, 70, (64, 4)).astype(np.int16) for _ in range(3)] for s in ("train", "valid", "test")}
    grid.write_text(json.dumps({s: [p.tolist() for p in pieces] for s, pieces in music.items()}))
    scores = [replace(transpose(from_grid(p), 3), fermatas=np.array([8, 9], np.int32)) for s in music for p in music[s]]
    unknown = from_grid(rng.integers(50, 70, (64, 4)).astype(np.int16))
    save_pieces(tmp_path / "chorales.npz", [*scores, unknown])
    divided = Corpora(tmp_path).signed_chorales()
    assert {s: len(pieces) for s, pieces in divided.items()} == {"train": 4, "valid": 3, "test": 3}
    rows = build_training(tiny("DeepBach", tmp_path)).split["valid"][0]
    assert np.flatnonzero(rows[:, 5]).tolist() == [8, 9]
    task = build_training(tiny("BachBot", tmp_path))
    assert np.count_nonzero(task.split["valid"][0] == task.codec.FERMATA) == 2
    (tmp_path / "chorales.npz").unlink()
    assert not any(len(p.fermatas) for p in plain.signed_chorales()["train"])
