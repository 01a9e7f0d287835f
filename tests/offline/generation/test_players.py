"""Every system plays without torch what it learnt with torch: the same numbers from exported weights, tiny here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.core.errors import ConfigError, ModelError
from models.generation.conv_rbm import self_similarity
from models.generation.graph import round_to_small
from offline.generation import open_system
from offline.generation.cards import card_of, find_weights
from offline.generation.config import GeneratorConfig
from offline.generation.open_system import open_generator, open_sound
from offline.generation.players.conv_rbm import metre_pull, similarity_pull, tonality_pull
from offline.generation.stream import FREE, Prefetch, collect
from offline.generation.systems import SYSTEMS, names_where
from offline.generation.weights import SystemFiles
from offline.music.chords import chord_code
from offline.music.piece import from_grid
from offline.music.sampling import softmax
from offline.training.common.checkpoint import CHECKPOINT
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer
from offline.training.generation.build import build_training
from offline.training.generation.config import GenerationExport, GenerationTraining
from offline.training.generation.export import export_generation

CONFIG = GeneratorConfig(seed=3)
NOTES = names_where(lambda system: bool(system.training) and not system.sound and system.name != "Frames")
SOUNDS = names_where(lambda system: system.sound)


class Exported:
    """Tiny systems, exported when they are needed."""

    def __init__(self, data: Path, folder: Path) -> None:
        self.data, self.folder = data, folder
        self.tasks: dict[str, Any] = {}

    def __call__(self, name: str) -> Path:
        name = SYSTEMS[name].weights
        if name not in self.tasks:
            torch.set_num_threads(1)
            run = self.folder / name
            config = GenerationTraining(system=name, data=self.data, output=run, size="tiny", batch=4)
            task = build_training(config)
            Trainer(task, run, LoopConfig(steps=0), config).run()
            export_generation(GenerationExport(checkpoint=run / CHECKPOINT, data=self.data, output=self.folder))
            self.tasks[name] = task
        task = self.tasks[name]
        round_to_small(task.model.eval())
        return self.folder / f"{name}.onnx"

    def player(self, name: str) -> Any:
        """Open the player of a system."""
        return SYSTEMS[name].player_class().open(self(name), CONFIG)


@pytest.fixture(scope="module")
def exported(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return Exported(folder, tmp_path_factory.mktemp("weights"))


@pytest.fixture
def stored(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> Exported:
    monkeypatch.setattr(open_system, "find_weights", exported)
    return exported


@pytest.mark.parametrize("name", NOTES)
@pytest.mark.slow
def test_same_seed_same_music(name: str, stored: Exported) -> None:
    pieces = []
    for seed in (1, 1, 2):
        source = open_generator(name, GeneratorConfig(seed=seed))
        piece = collect(source, 16 * source.steps_per_quarter)
        notes = piece.notes
        assert (notes["onset"] + notes["duration"] <= piece.n_steps).all()
        assert (notes["duration"] > 0).all()
        for voice in np.unique(notes["voice"]):
            for pitch in np.unique(notes["pitch"][notes["voice"] == voice]):
                same = notes[(notes["voice"] == voice) & (notes["pitch"] == pitch)]
                assert (same["onset"][1:] >= (same["onset"] + same["duration"])[:-1]).all()  # no note over itself
        pieces.append(notes.tobytes())
    assert pieces[0] == pieces[1]
    assert pieces[0] != pieces[2]


@pytest.mark.parametrize("name", SOUNDS)
def test_same_seed_same_sound(name: str, stored: Exported) -> None:
    sounds = [open_sound(name.lower(), GeneratorConfig(seed=seed)).samples(0.3) for seed in (1, 1, 2)]
    assert np.array_equal(sounds[0], sounds[1])
    assert not np.array_equal(sounds[0], sounds[2])
    assert np.isfinite(sounds[0]).all() and np.abs(sounds[0]).max() > 0
    with pytest.raises(ConfigError, match=r"FILE\.wav"):
        open_generator(name, CONFIG)


@pytest.mark.parametrize("name", ["BachBot", "Celtic", "Rhythm", "RL-Tuner", "UnitSelection"])
def test_token_networks_agree_with_torch(name: str, exported: Exported) -> None:
    player = exported.player(name)
    model = exported.tasks[name].model
    model = {"RL-Tuner": lambda: model["policy"], "UnitSelection": lambda: model.notes}.get(name, lambda: model)()
    rng = np.random.default_rng(0)
    rows = rng.integers(0, model.config.n_tokens[0], (6, 1))
    condition = rng.standard_normal((6, 22)).astype(np.float32) if name == "Rhythm" else None
    given = None if condition is None else torch.from_numpy(condition)[None]
    with torch.no_grad():
        features, _ = model.memory(torch.from_numpy(rows)[None], model.initial(1), given)
        wanted = torch.softmax(model.logits(features)[0], -1).numpy()
    for t in range(5):
        inputs = {"row": rows[t].reshape(1, 1, 1)}
        if condition is not None:
            inputs["condition"] = condition[t][None, None]
        np.testing.assert_allclose(softmax(player.net.run(inputs)["logits_0"]), wanted[t], atol=1e-5)


def test_concert_agrees_with_torch(exported: Exported) -> None:
    player, model = exported.player("CONCERT"), exported.tasks["CONCERT"].model
    rng = np.random.default_rng(0)
    rows = np.stack([rng.integers(0, n, 6) for n in model.config.n_tokens], axis=1)
    with torch.no_grad():
        wanted = model(torch.from_numpy(rows)[None])[0].numpy()
    for t in range(5):
        context = player.context(rows[t])
        for s in range(3):
            assert -np.log(player.p(context, rows[t + 1], s)[rows[t + 1, s]]) == pytest.approx(wanted[t, s], abs=1e-4)


def test_midi_net_agrees_with_torch(exported: Exported) -> None:
    player = exported.player("MidiNet")
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(player.files.size("noise")).astype(np.float32)
    chord, before = chord_code(np.array([16]))[0], player.bar
    with torch.no_grad():
        arrays = [torch.from_numpy(np.ascontiguousarray(x))[None] for x in (noise, chord, before)]
        wanted = exported.tasks["MidiNet"].model.generate(*arrays)[0]
    np.testing.assert_allclose(player.generate(noise, chord, before), wanted.numpy(), atol=1e-5)


def test_deep_bach_agrees_with_torch(exported: Exported) -> None:
    player = exported.player("DeepBach")
    rng, size = np.random.default_rng(0), (3, 2 * player.window + 1)
    frames, phase = rng.integers(0, player.codec.n_tokens, (*size, 4)), rng.integers(0, 16, size)
    fermata = rng.integers(0, 2, size)
    model = exported.tasks["DeepBach"].model
    for v in range(4):
        with torch.no_grad():
            tensors = [torch.from_numpy(x) for x in (frames, phase, fermata)]
            wanted = model.logits(v, *tensors)
        inputs = {"frames": frames, "phase": phase, "fermata": fermata}
        np.testing.assert_allclose(player.voices[v].run(inputs)["logits"], wanted.numpy(), atol=1e-5)


def test_wave_net_agrees_with_torch(exported: Exported) -> None:
    player = exported.player("WaveNet")
    model = exported.tasks["WaveNet"].model
    rng = np.random.default_rng(0)
    tokens, notes = rng.integers(0, 256, 40), (rng.random((40, player.n_notes)) < 0.1).astype(np.float32)
    with torch.no_grad():
        wanted = model.logits(torch.from_numpy(tokens)[None], torch.from_numpy(notes.T)[None])[0].T
    got = np.stack([player.logits(int(token), row) for token, row in zip(tokens, notes, strict=True)])
    np.testing.assert_allclose(got, wanted.numpy(), atol=1e-5)


def test_the_machine_and_its_pull_agree_with_torch(exported: Exported) -> None:
    player = exported.player("C-RBM")
    model = exported.tasks["C-RBM"].model
    rng = np.random.default_rng(0)
    v, wanted = [(rng.random((player.templates.shape[1], 20)) < 0.3).astype(np.float32) for _ in range(2)]
    tensor = torch.from_numpy(v)[None]
    sample, logits = player.round(v)
    with torch.no_grad():
        again = torch.from_numpy(sample)[None]
        wanted_logits = model.visible(torch.sigmoid(model.hidden(again)), 20)
    assert set(np.unique(sample)) == {0, 1}
    np.testing.assert_allclose(logits, wanted_logits[0].numpy(), atol=1e-4)
    soft, template = tensor.clone().requires_grad_(), self_similarity(torch.from_numpy(wanted)[None])
    error = torch.nn.functional.mse_loss(self_similarity(soft), template) * 20**2
    gradient = torch.autograd.grad(error, soft)[0][0].numpy()
    np.testing.assert_allclose(similarity_pull(v, wanted)[:, v.any(0)], gradient[:, v.any(0)], atol=1e-4)


def test_tonality_and_metre_pull_towards_the_template() -> None:
    rng = np.random.default_rng(1)
    template, v = np.zeros((24, 64), np.float32), (rng.random((24, 64)) < 0.2).astype(np.float32)
    template[[0, 4, 7]] = np.tile([1, 1, 1, 0], 16)  # a triad that is struck on every beat
    assert tonality_pull(v, template)[0].mean() < 0 < tonality_pull(v, template)[1].mean()
    pull = metre_pull(v, template)[0]
    assert pull[::4].mean() < 0 < pull[3::4].mean()  # notes begin on beats, so they are silent before them


def test_rolls_agree_with_torch(exported: Exported) -> None:
    player = exported.player("Hexahedria")
    model = exported.tasks["Hexahedria"].model
    rng, n = np.random.default_rng(0), model.config.n_pitches
    roll = (rng.random((1, 4, n, 2)) < 0.3).astype(np.float32)
    roll[..., 1] *= roll[..., 0]
    with torch.no_grad():
        wanted = model(torch.from_numpy(roll), torch.arange(3)[None])[0]
    for t, nats in enumerate(wanted.tolist()):
        features = player.net.run({"roll": roll[:, t : t + 1], "phase": np.array([[t]])})["features"]
        player.pitches.reset()
        found, below = 0.0, np.zeros((1, 2), np.float32)
        for x, bits in zip(features, roll[0, t + 1], strict=True):
            p = player.pitches.run({"x": x[None], "below": below})["p"]
            each = -np.log(np.where(bits > 0, p, 1 - p))
            found, below = found + each[0] + each[1] * bits[0], bits[None]
        assert abs(found - nats) < 1e-3
    rnn = exported.player("RNN-RBM")
    machine = exported.tasks["RNN-RBM"].model
    uniform = np.full(rnn.net.inputs["uniform"], 0.5, np.float32)
    rows = np.array([0, 1, 1, 1], np.float32)[:, None, None, None] * np.ones((1, 1, 88), np.float32)
    out = [rnn.net.run({"v": row, "uniform": uniform}) for row in rows][-1]
    with torch.no_grad():
        b, c = machine.biases(torch.ones(1, 4, 88))
        np.testing.assert_allclose(out["visible_bias"], b[0, 3].numpy(), atol=1e-5)
        np.testing.assert_allclose(out["hidden_bias"], c[0, 3].numpy(), atol=1e-5)
        v = torch.ones(88)
        for _ in range(len(uniform)):
            h = (torch.sigmoid(v @ machine.rbm.weight + c[0, 3]) > 0.5).float()
            v = (torch.sigmoid(h @ machine.rbm.weight.T + b[0, 3]) > 0.5).float()
    assert np.array_equal(out["sample"], v.numpy())


def test_decoders_agree_with_torch(exported: Exported) -> None:
    for name in ("VRAE", "VRASH"):
        player = exported.player(name)
        model = exported.tasks[name].model
        inputs = player.unroll()
        code = inputs["code"][0]
        before = torch.zeros(1, 1, model.config.n_bits or model.config.n_tokens)
        with torch.no_grad():
            wanted, _ = model.step(torch.from_numpy(code)[None], before, model.start(torch.from_numpy(code)[None]))
        if name == "VRASH":
            inputs["before"] = before.numpy()
        np.testing.assert_allclose(player.net.run(inputs)["logits"], wanted[0, 0].numpy(), atol=1e-5)
    player = exported.player("DeepHear_M")
    code = np.random.default_rng(0).random(player.width).astype(np.float32)
    with torch.no_grad():
        wanted = torch.sigmoid(exported.tasks["DeepHear_M"].model.decode(torch.from_numpy(code)[None])[0])
    np.testing.assert_allclose(player.decode(code, player.nothing)[0], wanted.numpy(), atol=1e-5)
    target = (np.random.default_rng(1).random(len(wanted)) < 0.1).astype(np.float32)
    inner = torch.logit(torch.from_numpy(code))[None].requires_grad_()
    logits = exported.tasks["DeepHear_M"].model.decode(torch.sigmoid(inner))[0]
    cross = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(target), reduction="none")
    (cross * torch.from_numpy(target)).sum().backward()
    np.testing.assert_allclose(player.decode(code, target)[1], inner.grad[0].numpy(), atol=1e-4)


def test_the_other_decoders_agree_with_torch(exported: Exported) -> None:
    player = exported.player("MiniBach")
    soprano = np.random.default_rng(0).integers(0, 59, 64)
    with torch.no_grad():
        wanted = exported.tasks["MiniBach"].model.logits(torch.from_numpy(soprano)[None])[0]
    np.testing.assert_allclose(player.logits(soprano), wanted.numpy(), atol=1e-5)
    notes = exported.player("C-RNN-GAN")
    noise = np.random.default_rng(1).standard_normal((3, notes.files.size("noise"))).astype(np.float32)
    with torch.no_grad():
        rows = exported.tasks["C-RNN-GAN"].model.generate(torch.from_numpy(noise)[None])[0]
    np.testing.assert_allclose(np.stack([notes.row(z).copy() for z in noise]), rows.numpy(), atol=1e-5)
    units = exported.player("UnitSelection")
    task = exported.tasks["UnitSelection"]
    bars = task.one_hot(torch.from_numpy(units.library))
    with torch.no_grad():
        wanted = task.model.scores(bars[units._now][None], bars)[0]
    np.testing.assert_allclose(units.scores(), wanted.numpy(), atol=1e-4)


def test_a_melody_is_kept(stored: Exported) -> None:
    line = np.repeat([67, 69, 71, 72], 16)

    def melody(start: int, n: int) -> np.ndarray:
        return line[start : start + n]

    for name in set(names_where(lambda system: system.melody)) & set(NOTES):
        source = open_generator(name, CONFIG)
        piece, line_there = collect(source, 64, melody), np.zeros(64, bool)
        for note in piece.notes:
            end = note["onset"] + note["duration"]
            line_there[note["onset"] : end] |= line[note["onset"] : end] == note["pitch"]
        assert line_there.all()


def memory(player: Any) -> np.ndarray:
    """What a token player expects after the piece that it was primed with."""
    player.take(np.array([0]))
    return player.p()


@pytest.mark.parametrize("name", sorted(set(names_where(lambda system: system.prime)) & set(NOTES)))
def test_what_came_before_is_remembered(name: str, stored: Exported) -> None:
    memories = []
    for pitch in (None, 60, 61, 60):
        source = open_generator(name, CONFIG)
        if pitch is not None:
            line = pitch + np.arange(32)[:, None] % 3
            source.prime(from_grid((line - np.array([0, 3, 7, 12])).astype(np.int16)))
        memories.append((source.past if name == "DeepBach" else memory(source)).tobytes())
        assert source.next(np.full(source.steps, FREE)).n_steps == source.steps
    assert len(set(memories)) == 3
    assert memories[1] == memories[3]


def test_counterpoint_descends_towards_the_melody(stored: Exported) -> None:
    player = open_generator("DeepHear_C", CONFIG)
    target = np.zeros((64, player.codec.width), np.float32)
    target[:, 20] = 1

    def fit(steps: int) -> float:
        player.DESCENT, player.rng = steps, np.random.default_rng(0)
        return float(player.decode(player.match(target.ravel()), player.nothing)[0][target.ravel() > 0].mean())

    assert fit(60) > fit(0)


def test_a_worker_writes_ahead(stored: Exported) -> None:
    plain, ahead = open_generator("VRASH", CONFIG), Prefetch(open_generator("VRASH", CONFIG))
    free = np.full(32, FREE)
    ahead.wait()
    for _ in range(3):
        assert ahead.next(free) == plain.next(free)
    assert ahead.n_waits <= 2  # never for the first
    ahead.close()
    assert not ahead._thread.is_alive()


def test_nothing_live_imports_torch() -> None:
    code = "import sys, cli.live.generator as g; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_broken_weights_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="an ONNX network"):
        open_generator(str(tmp_path / "x.onnx"), CONFIG)


def test_a_file_plays_like_its_name(exported: Exported, stored: Exported) -> None:
    pieces = [collect(open_generator(model, CONFIG), 64).notes for model in ("MiniBach", str(exported("MiniBach")))]
    assert np.array_equal(*pieces)
    with pytest.raises(ModelError, match="an array 'nothing'"):
        SystemFiles(exported("MiniBach")).array("nothing")
    with pytest.raises(ModelError, match="the size 'nothing'"):
        SystemFiles(exported("MiniBach")).size("nothing")


@pytest.mark.parametrize("name", names_where(lambda system: find_weights(system.weights) is not None))
def test_shipped_weights_play(name: str) -> None:
    assert card_of(SYSTEMS[name].weights)["licence"]
    if name in SOUNDS:
        assert np.abs(open_sound(name, CONFIG).samples(0.05)).max() <= 1
        return
    source = open_generator(name, CONFIG)
    segments = [source.next(np.full(source.steps, FREE)) for _ in range(2)]
    assert all(segment.n_steps >= 1 for segment in segments)
