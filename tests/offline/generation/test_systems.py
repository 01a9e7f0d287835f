"""The record of systems: it is complete, and a new row alone adds a system everywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import ConfigError
from offline.generation.cards import FOLDER, find_weights
from offline.generation.config import GeneratorConfig
from offline.generation.open_system import open_generator, system_of
from offline.generation.stream import FREE
from offline.generation.systems import SYSTEMS, find_system, heeding, names_where, players_of, system_table
from offline.music.catalogue import CORPORA
from offline.music.codecs import CODECS
from offline.training.generation.build import build_training
from offline.training.generation.config import GenerationTraining
from tests.places import ROOT


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_row_names_what_there_is(name: str, folder: Path) -> None:
    system = SYSTEMS[name]
    player = system.player_class()
    assert player.__module__ == f"offline.generation.players.{system.family}"
    assert hasattr(player, "prime") == system.prime
    assert hasattr(player, "samples") == system.sound
    assert system.corpus in CORPORA
    assert system.representation in {*CODECS, "units"}
    assert system.weights in SYSTEMS
    if not system.training:
        return
    training = system.training_class()
    assert training.__module__ == f"offline.training.generation.{system.family}"
    config = GenerationTraining(system=name, data=folder, output=Path("unused"), size="tiny")
    assert type(build_training(config).model) is system.network_class()


def test_the_errors_list_what_the_record_says() -> None:
    assert players_of("melody") == "Markov, Frames, DeepBach, DeepHear_C, MiniBach, WaveNet"
    assert players_of("prime") == "Markov, Frames, BachBot, DeepBach, RL-Tuner"
    assert (players_of("chords"), players_of("band")) == ("MidiNet", "Rhythm")
    assert heeding("activity") == "Frames"
    with pytest.raises(ConfigError, match=", ".join(SYSTEMS)):
        find_system("Bach Bot")
    assert find_system("bachbot") is SYSTEMS["BachBot"]
    assert system_of(str(FOLDER / "Frames.onnx")) is SYSTEMS["Frames"]


def test_the_table_has_a_line_for_each() -> None:
    assert len(system_table().splitlines()) == len(SYSTEMS) + 1


@pytest.mark.parametrize(
    "name", names_where(lambda s: not s.melody and not s.sound and find_weights(s.weights) is not None)
)
def test_only_those_that_take_a_melody_depend_on_it(name: str) -> None:
    pieces = []
    for pitch in (FREE, 60):
        generator = open_generator(name, GeneratorConfig(seed=1))
        pieces.append(generator.next(np.full(generator.steps, pitch)))
    assert pieces[0] == pieces[1]


@pytest.mark.slow
def test_a_row_and_three_classes_add_a_system(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.offline.generation.twin_system", str(folder), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 0
