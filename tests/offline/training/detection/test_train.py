"""Training: sources of batches, the mean teacher, resuming, and that a network learns what can be learnt."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engine.core.errors import ConfigError
from engine.detection.event_decoder import Interval
from models.detection.config import CrnnConfig, LossConfig
from models.detection.graph import export_crnn
from models.detection.network import Crnn
from offline.datasets.scenes import SceneSet
from offline.training.common.checkpoint import CHECKPOINT, read_state
from offline.training.common.config import LoopConfig
from offline.training.detection.config import DetectionTraining, SceneAugmentation, as_published
from offline.training.detection.data import (
    STRONG,
    UNLABELLED,
    WEAK,
    SceneBatches,
    SceneSource,
    group_scenes,
    join_scenes,
    scene_sources,
)
from offline.training.detection.init_weights import begin_with, load_crnn, weights_for
from offline.training.detection.train import DetectionTask, DetectionTrainer, scene_probabilities
from tests.tolerances import EXPORT, FLOAT32

CLASSES = ("high", "low")
SMALL = (4, 4, 8, 8, 8, 8, 8)
PLAIN = SceneAugmentation(gain_db=0, mask=0)
CPU = torch.device("cpu")


def scenes(n: int, seed: int) -> SceneSet:
    """Twenty steps of noise in which bands 90 to 110 or 20 to 40 are 3 nepers louder for five to ten steps."""
    rng = np.random.default_rng(seed)
    mel = rng.standard_normal((n, 80, 128)).astype(np.float16) - 6
    steps, events = np.zeros((n, 20, 2), np.uint8), {}
    for i in range(n):
        c, first, length = rng.integers(2), rng.integers(0, 10), rng.integers(5, 11)
        bands = slice(90, 110) if c == 0 else slice(20, 40)
        mel[i, 4 * first : 4 * (first + length), bands] += 3
        steps[i, first : first + length, c] = 1
        events[f"{seed}-{i}"] = [Interval(first * 0.0664, (first + length) * 0.0664, CLASSES[c])]
    return SceneSet(CLASSES, mel, steps, events)


def task(known: int = STRONG, *, consistency: float = 0.0, augmentation: SceneAugmentation = PLAIN) -> DetectionTask:
    torch.manual_seed(0)
    model = Crnn(CrnnConfig(classes=CLASSES, filters=SMALL, hidden=8, dropout=0.0))
    sources = [SceneSource(scenes(24, 0), known, 8), SceneSource(scenes(24, 1), UNLABELLED, 4)]
    batches = SceneBatches(model.config, sources, augmentation)
    made = DetectionTask(model, batches, scenes(16, 2), LossConfig(consistency=consistency), mixed=False)
    made.measure_statistics()
    return made


def test_a_batch_is_made_of_its_sources() -> None:
    made = task(WEAK)
    mel, labels, known, _ = made.batches.draw(np.random.default_rng(0), CPU)
    assert mel.shape == (12, 80, 128)
    assert labels.shape == (12, 20, 2)
    assert known.tolist() == [WEAK] * 8 + [UNLABELLED] * 4


def test_batches_are_fixed_by_their_number() -> None:
    made = task(augmentation=SceneAugmentation())
    first, other = (float(made.loss(3)[0].detach()) for _ in range(2))
    assert first == other != float(made.loss(4)[0].detach())


def test_labels_of_unlabelled_scenes_are_never_looked_at() -> None:
    made, wrong = task(), task()
    wrong.batches.sources[1].scenes.steps[:] = 1
    assert float(made.loss(0)[0].detach()) == float(wrong.loss(0)[0].detach())


def test_the_statistics_are_those_of_the_training_scenes() -> None:
    made = task()
    mel = made.batches.sources[0].scenes.mel.astype(np.float32).reshape(-1, 128)
    np.testing.assert_allclose(made.network.mean.numpy(), mel.mean(0), rtol=1e-4)
    np.testing.assert_allclose(made.network.scale.numpy(), 1 / mel.std(0), rtol=1e-4)


def steps_of(trainer: DetectionTrainer, n: int) -> list[float]:
    return [trainer._update(0.0)["loss"] for _ in range(n)]


def test_it_learns_what_can_be_learnt(tmp_path: Path) -> None:
    trainer = DetectionTrainer(task(), tmp_path, LoopConfig(learning_rate=1e-2, warmup=1, average=0.9))
    steps_of(trainer, 40)
    figures = trainer._validate()
    assert figures["clip_f1"] > 0.9
    assert figures["segment_f1"] > 0.9


def test_the_mean_teacher_is_the_average_of_the_students(tmp_path: Path) -> None:
    made = task(WEAK, consistency=2.0)
    trainer = DetectionTrainer(made, tmp_path, LoopConfig(average=0.9))
    assert made.teacher is trainer.averaged.module
    assert "consistency" in trainer._update(0.0)
    before = {name: p.clone() for name, p in made.teacher.named_parameters()}
    trainer._update(0.0)
    assert any((p != before[name]).any() for name, p in made.teacher.named_parameters())
    assert not made.teacher.training


def test_a_resumed_run_goes_on_where_it_stood(tmp_path: Path) -> None:
    config = LoopConfig()
    whole = steps_of(DetectionTrainer(task(), tmp_path / "a", config), 6)
    first = DetectionTrainer(task(), tmp_path / "b", config)
    steps_of(first, 3)
    first.save()
    second = DetectionTrainer(task(), tmp_path / "b", config)
    second.resume()
    assert steps_of(second, 3) == pytest.approx(whole[3:], rel=1e-5)
    loaded = load_crnn(tmp_path / "b" / "checkpoint.pt")
    some = scenes(4, 5)
    np.testing.assert_allclose(
        scene_probabilities(loaded, some), scene_probabilities(first.averaged.module.eval(), some), atol=1e-6
    )


def test_the_share_of_labels(tmp_path: Path) -> None:
    config = DetectionTraining(
        sets=(), validation=tmp_path, output=tmp_path, labels="weak", labelled=0.25, teacher=True, batch=10
    )
    both = join_scenes([scenes(24, 0), scenes(16, 1)])
    weak, unlabelled = scene_sources(config, {"strong": both})
    assert (len(weak.chosen), len(unlabelled.chosen)) == (10, 30)
    assert not set(weak.chosen) & set(unlabelled.chosen)
    assert (weak.known, weak.n_per_batch, unlabelled.known, unlabelled.n_per_batch) == (WEAK, 5, UNLABELLED, 5)


def test_any_mixture_of_labels(tmp_path: Path) -> None:
    """DESED's: strong and weak scenes share one half of the batch, the unlabelled ones have the other."""
    config = DetectionTraining(sets=(), validation=tmp_path, output=tmp_path, teacher=True, batch=12)
    sets = [replace(scenes(n, n), known=known) for n, known in ((8, "unlabelled"), (6, "weak"), (5, "strong"))]
    given = scene_sources(config, group_scenes(sets))
    assert [(s.known, s.n_per_batch, len(s.scenes)) for s in given] == [
        (STRONG, 3, 5),
        (WEAK, 3, 6),
        (UNLABELLED, 6, 8),
    ]
    with pytest.raises(ConfigError, match="at least one set with labels"):
        group_scenes(sets[:1])


def test_scenes_of_other_classes_are_refused() -> None:
    model = Crnn(CrnnConfig(classes=("low", "high"), filters=SMALL))
    with pytest.raises(ConfigError, match="expected low, high, got high, low"):
        SceneBatches(model.config, [SceneSource(scenes(4, 0), STRONG, 2)], PLAIN)


def test_the_curves_are_written(tmp_path: Path) -> None:
    trainer = DetectionTrainer(task(), tmp_path, LoopConfig(steps=0, average=0.9))
    figures = trainer.run()
    last = json.loads((tmp_path / "curves.jsonl").read_text().splitlines()[-1])
    assert last["valid"] == figures


def test_a_causal_network_begins_with_the_forward_direction() -> None:
    """Late, the first convolution has the same output a frame later; else the same where nothing changes in time."""
    both, config = Crnn(CrnnConfig(classes=("a", "b"))).eval(), CrnnConfig(classes=("a", "b"), causal=True)
    one, now = Crnn(config).eval(), Crnn(config).eval()
    one.load_state_dict(weights_for(config, both, late=True))
    now.load_state_dict(weights_for(config, both))
    sound, code = torch.randn(1, 1, 64, 128), torch.randn(1, 20, 128)
    still = torch.randn(1, 1, 1, 128).expand(1, 1, 256, 128)
    with torch.no_grad():
        late, early = (net.stacks[0].convolved(sound, None)[0] for net in (one, both))
        first, forward = nn.GRU(128, 128, batch_first=True), nn.GRU(128, 128, batch_first=True)
        first.load_state_dict({k: v for k, v in one.recurrent.state_dict().items() if k.endswith("_l0")})
        forward.load_state_dict({k: v for k, v in both.recurrent.state_dict().items() if k.endswith("_l0")})
        torch.testing.assert_close(late[:, :, 2:], early[:, :, 1:-1], atol=FLOAT32, rtol=0)
        torch.testing.assert_close(first(code)[0], forward(code)[0], atol=FLOAT32, rtol=0)
        folded, whole = (_last_stack(net, still) for net in (now, both))
        torch.testing.assert_close(folded[:, :, 30:34], whole[:, :, 30:34], atol=FLOAT32, rtol=0)
    assert weights_for(config, one).keys() == one.state_dict().keys()


def test_training_goes_on_from_an_exported_network(tmp_path: Path) -> None:
    """Its output is that of the file, though its batch norms were measured anew."""
    known = scenes(24, 0)
    made = task()
    made.model.eval()
    for norm in (stack.norm for stack in made.network.stacks):
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.5, 2)
    export_crnn(made.network, tmp_path / "some.onnx", licence="CC0-1.0", training="random weights")
    model = Crnn(replace(made.network.config, dropout=0.1, drop_channels=True))
    begin_with(model, tmp_path / "some.onnx", known)
    mel = torch.from_numpy(np.asarray(known.mel[:3], np.float32))
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(mel), made.model.eval()(mel), atol=EXPORT, rtol=0)
        told = model.train()(mel), model.eval()(mel)
    assert (told[0] - told[1]).abs().max() > 0  # batch norms that normalise, so that training can go on


def _last_stack(net: Crnn, x: torch.Tensor) -> torch.Tensor:
    for stack in net.stacks:
        x, _ = stack(x)
    return x


def published(folder: Path, **loop: object) -> DetectionTraining:
    return DetectionTraining(
        sets=(folder,), validation=folder, output=folder / "run", preset="published", loop=LoopConfig(**loop)
    )


def test_the_published_training_is_that_of_the_paper(tmp_path: Path) -> None:
    config = as_published(published(tmp_path))
    assert config.loop.steps == 200 * 250
    assert (config.batch, config.labels, config.loop.average) == (48, "weak", 0.999)
    assert config.network.filters == (16, 32, 64, 128, 128, 128, 128)
    assert config.student
    assert not config.mixed_precision
    augmentation, losses = config.augmentation, config.losses
    assert (augmentation.gain_db, augmentation.mask, augmentation.overlay) == (0, 0, 0)
    assert (losses.weak, losses.strong, losses.consistency) == (1, 0, 2)
    trainer = DetectionTrainer(task(WEAK, consistency=2.0), tmp_path / "rate", config.loop, config)
    for step, share in ((0, np.exp(-5)), (12_500, 1.0), (12_501, 0.99995)):
        trainer.step = step
        assert trainer._rate(0.0) == pytest.approx(1e-3 * share)


def test_the_student_itself_is_measured_and_kept(tmp_path: Path) -> None:
    config = as_published(published(tmp_path, steps=8))
    trainer = DetectionTrainer(task(WEAK, consistency=2.0), tmp_path, config.loop, config)
    assert trainer._warmup == 2
    steps_of(trainer, 3)
    trainer.save()
    saved = read_state(tmp_path / CHECKPOINT, CPU)
    student = trainer.task.model.state_dict()
    assert all(torch.equal(saved["weights"][name], value) for name, value in student.items())
    assert any(not torch.equal(saved["averaged"][f"module.{name}"], value) for name, value in student.items())


def test_a_second_output_learns_onsets_and_is_not_exported(tmp_path: Path) -> None:
    made = task()
    torch.manual_seed(0)
    model = Crnn(replace(made.network.config, onsets=True))
    learner = DetectionTask(model, made.batches, made.validation, LossConfig(consistency=0.0), mixed=False)
    assert "onset" in learner.loss(0)[1]
    kept = weights_for(made.network.config, model)
    made.network.load_state_dict(kept)
    mel = torch.randn(1, 80, 128)
    with torch.no_grad():
        assert torch.equal(made.network.eval()(mel), model.eval()(mel))
    export_crnn(model, tmp_path / "m.onnx", licence="-", training="-")
    begin_with(model, tmp_path / "m.onnx", scenes(24, 0))
