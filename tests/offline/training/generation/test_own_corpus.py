"""Every system of a representation learns a user's own corpus, and plays what it learnt from the run's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from offline.generation.config import GeneratorConfig
from offline.generation.open_system import open_generator, open_sound
from offline.generation.stream import collect
from offline.generation.systems import SYSTEMS
from offline.music.midi_file import write_midi
from offline.music.own_corpus import OWN_FILE, save_own
from offline.music.own_folder import read_own
from offline.training.generation.build import build_training
from offline.training.generation.config import GenerationTraining, trained_systems
from offline.training.generation.train import train_generation
from tests.offline.music.test_own_corpus import TUNES, chorale, with_drums

CONFIG = GeneratorConfig(seed=1)
BY_MIDI = tuple(name for name in trained_systems() if name != "Celtic")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("own")
    for i in range(4):
        write_midi(chorale(i), folder / f"{i}.mid")
    for i in range(3):
        with_drums(folder / f"drums{i}.mid")
    save_own(folder / OWN_FILE, read_own(folder, "midi", "CC0, by the tests"))
    return folder / OWN_FILE


def tiny(name: str, data: Path, output: Path = Path("unused")) -> GenerationTraining:
    config = GenerationTraining(system=name, data=data, output=output, size="tiny", batch=4, device="cpu")
    return replace(config, loop=replace(config.loop, steps=2))


@pytest.mark.filterwarnings("ignore::engine.core.errors.EngineWarning")
@pytest.mark.parametrize("name", BY_MIDI)
def test_it_reads_a_users_corpus(name: str, corpus: Path) -> None:
    task = build_training(tiny(name, corpus))
    assert bool(torch.isfinite(task.loss(0)[0]))
    task.model.eval()
    task.extras()


@pytest.mark.filterwarnings("ignore::engine.core.errors.EngineWarning")
@pytest.mark.parametrize("name", ["BachBot", "MidiNet", "deepAC", "Rhythm"])
def test_what_it_learnt_plays_from_its_folder(name: str, corpus: Path, tmp_path: Path) -> None:
    train_generation(tiny(name, corpus, tmp_path))
    model = str(tmp_path / f"{name}.onnx")
    if SYSTEMS[name].sound:
        sound = open_sound(model, CONFIG)
        assert sound is not None and np.abs(sound.samples(0.2)).max() > 0
    else:
        generator = open_generator(model, CONFIG)
        assert len(collect(generator, 8 * generator.steps_per_quarter).notes) > 0
    card = (tmp_path / f"{name}.toml").read_text()
    assert "7 pieces of a user's own (midi); licence: CC0, by the tests" in card


def test_tunes_are_learnt_from_abc(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    for i in range(4):
        (tmp_path / f"{i}.abc").write_text("\n".join(TUNES.splitlines()[:5]) + "\n")
    save_own(tmp_path / OWN_FILE, read_own(tmp_path, "abc", "mine"))
    train_generation(tiny("Celtic", tmp_path, tmp_path / "run"))
    player = open_generator(str(tmp_path / "run" / "Celtic.onnx"), CONFIG)
    piece = collect(player, 8 * player.steps_per_quarter)
    assert (piece.beats_per_bar, piece.beat_unit) == player.metre
