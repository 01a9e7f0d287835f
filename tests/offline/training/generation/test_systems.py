"""Every system of the survey, tiny: it learns, it writes the same music for the same seed, and it can be resumed."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.core.errors import ConfigError, ScoreError
from offline.generation.systems import SYSTEMS, find, table
from offline.music.codecs import CODECS
from offline.music.corpora import Corpora, blues, chord_code, chords_of, grooves, sound_of, with_chords
from offline.music.piece import Piece, from_grid, transpose
from offline.music.piece_sets import save_pieces
from offline.training.generation import all_systems
from offline.training.generation.blocks import DeepHear, Infill
from offline.training.generation.rl_tuner import RlTuner, UnitSelection, theory_reward
from offline.training.generation.task import TaskSettings, windows
from offline.training.generation.tokens import BachBot
from offline.training.generation.train import TASKS, main

TINY = TaskSettings(size="tiny", batch=4)
NOT_IN_25_STEPS = {"C-RNN-GAN", "MidiNet", "RL-Tuner", "DeepHear_M", "DeepHear_C", "UnitSelection"}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def music(sample: Any) -> bytes:
    return sample.notes.tobytes() if isinstance(sample, Piece) else sample[0].tobytes()


@pytest.mark.parametrize("name", TASKS)
def test_it_learns_and_writes(name: str, folder: Path) -> None:
    task = TASKS[name](Corpora(folder), TINY)
    before = task.validate(task.model.eval())["metric"]
    optimiser = torch.optim.Adam(task.model.parameters(), 0.02)
    task.model.train()
    for index in range(25):
        loss, _ = task.loss(index)
        assert bool(torch.isfinite(loss))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    after = task.validate(task.model.eval())["metric"]
    assert np.isfinite(after)
    if name not in NOT_IN_25_STEPS:
        assert after < before
    assert task.validate(task.model)["metric"] == after
    samples = [music(task.sample(24, seed)) for seed in (1, 1, 2)]
    assert samples[0] == samples[1]
    if name != "Blues_C":  # a threshold has no chance in it
        assert samples[0] != samples[2]


def test_every_row_of_the_table_can_be_trained() -> None:
    assert set(SYSTEMS) - set(TASKS) == {"Markov", "Frames"}
    assert {s.representation for s in SYSTEMS.values()} <= set(CODECS) | {"units"}
    assert len(table().splitlines()) == len(SYSTEMS) + 1 == 24
    with pytest.raises(ConfigError, match="BachBot"):
        find("Bachbot")


@pytest.mark.parametrize("name", ["Frames", "MiniBach"])
def test_one_command_trains_and_goes_on(name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    options = ["--system", name, "--data", str(folder), "--out", str(tmp_path), "--size", "tiny", "--batch", "4"]
    options += ["--dropout", "0.15"]
    main([*options, "--steps", "3", "--device", "cpu"])
    main([*options, "--steps", "2", "--device", "cpu", "--resume"])
    texts = capsys.readouterr().out
    assert "from step 0\n" in texts
    assert texts.count("parameters, from step") == 2
    assert "from step 0" not in texts.rsplit("parameters,", 1)[1]
    if name == "Frames":
        saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
        assert saved["task"]["dropout"] == 0.15


def test_a_missing_corpus_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=r"tunes\.json.*music21"):
        Corpora(tmp_path).tunes()


def test_counterpoint_sounds_the_melody_it_was_given(folder: Path) -> None:
    task = DeepHear(Corpora(folder), TINY)
    melody = np.array(task.corpora.chorales()["valid"][0])[:64, 0]
    piece = task.accompany(melody, seed=0)
    sounding = [
        {int(n["pitch"]) for n in piece.notes if n["onset"] <= t < n["onset"] + n["duration"]} for t in range(64)
    ]
    assert all(int(pitch) in keys for pitch, keys in zip(melody, sounding, strict=True))


def test_deepbach_keeps_a_given_soprano(folder: Path) -> None:
    task = Infill(Corpora(folder), TINY)
    given = task.split["valid"][0][:32, 0]
    piece = task.sample(32, 0, rounds=2, given=given)
    assert np.array_equal(task.codec.encode(piece)[:, 0], given)


def test_units_are_real_bars_and_none_twice(folder: Path) -> None:
    task = UnitSelection(Corpora(folder), TINY)
    bars = task.codec.encode(task.sample(5, 0)).reshape(5, 16)
    pitches = {tuple(u) for piece in task.split["train"] for u in piece.tolist()}
    assert sum(tuple(b) in pitches for b in bars.tolist()) >= 3  # a bar that began with a held note now strikes it
    before = task.loss(0)[1]["rebuilt"]
    optimiser = torch.optim.Adam(task.model.parameters(), 0.02)
    for index in range(30):
        optimiser.zero_grad()
        task.loss(index)[0].backward()
        optimiser.step()
    assert task.loss(0)[1]["rebuilt"] < 0.8 * before


def test_reinforcement_raises_the_reward(folder: Path) -> None:
    task = RlTuner(Corpora(folder), TINY)
    optimiser = torch.optim.Adam(task.model.parameters(), 0.02)
    for index in range(task.learn_steps + 40):
        optimiser.zero_grad()
        task.loss(index)[0].backward()
        optimiser.step()
    figures = task.validate(task.model)
    assert figures["metric"] < figures["judge"]  # minus reward: the policy beats the network it began as


def test_theory_rewards() -> None:
    def reward(*tokens: int) -> list[float]:
        return [round(x, 3) for x in theory_reward(torch.tensor([tokens]), 48)[0].tolist()]

    c, d, f_sharp, high_d = 2, 4, 8, 4 + 12
    assert reward(c, 0, d) == [0.2, 0.0, 0.2]  # the first note counts as a step
    assert reward(c, f_sharp)[1] == -1.5
    assert reward(c, high_d)[1] == -0.9
    assert reward(d, d, d, d)[2:] == [0.1, -0.9]
    assert reward(c, *[0] * 18)[-2:] == [-0.5, -0.5]


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
    drawn = windows([np.arange(1, 4), np.arange(10, 40)], 50, 5, rng)
    for row in drawn:
        assert row.tolist() == [1, 2, 3, 0, 0] or np.all(np.diff(row) == 1)


def test_systems_side_by_side_are_packed_to_carry(folder: Path, tmp_path: Path) -> None:
    options = ["--data", str(folder), "--out", str(tmp_path), "--steps", "2", "--jobs", "2", "--size", "tiny"]
    assert all_systems.main([*options, "--only", "Blues_C", "MiniBach", "--batch", "4", "--device", "cpu"]) == 0
    parts = sorted((tmp_path / "parts").iterdir())
    with tarfile.open(fileobj=io.BytesIO(b"".join(part.read_bytes() for part in parts))) as tar:
        assert {"Blues_C/weights.pt", "Blues_C/curves.jsonl", "MiniBach/weights.pt"} <= set(tar.getnames())
        file = tar.extractfile("MiniBach/weights.pt")
        assert file is not None
        saved = torch.load(io.BytesIO(file.read()), weights_only=True)
    task = TASKS["MiniBach"](Corpora(folder), TINY)
    task.model.load_state_dict(saved["weights"])
    assert task.sample(64, 0).n_steps == 64


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
    rows = Infill(Corpora(tmp_path), TINY).split["valid"][0]
    assert np.flatnonzero(rows[:, 5]).tolist() == [8, 9]
    tokens = BachBot(Corpora(tmp_path), TINY).split["valid"][0]
    assert np.count_nonzero(tokens == BachBot(Corpora(tmp_path), TINY).codec.FERMATA) == 2
    (tmp_path / "chorales.npz").unlink()
    assert not any(len(p.fermatas) for p in plain.signed_chorales()["train"])
