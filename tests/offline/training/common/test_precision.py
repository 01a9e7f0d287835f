"""Training in bfloat16 where the processor has it, in float32 elsewhere: every task's smallest step in both ways."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.salience.config import SalienceNetworkConfig
from models.salience.network import SalienceNetwork
from models.similarity.network import SiameseCnn
from offline.training.common.precision import Precision, bfloat16_obstacle, has_bfloat16
from offline.training.generation.build import build_training
from offline.training.salience.config import SalienceBatch
from offline.training.salience.data import open_salience_set, write_salience_recording, write_transform
from offline.training.salience.train import SalienceTask
from offline.training.similarity.config import PairConfig, SimilarityTraining, StreamingTaskConfig
from offline.training.similarity.data import stored_takes
from offline.training.similarity.pairs import PairSet
from offline.training.similarity.streaming_task import StreamingTask
from offline.training.similarity.train import CnnTask
from tests.offline.training.detection.test_train import task as detection_task
from tests.offline.training.generation.test_systems import tiny as tiny_generator
from tests.offline.training.salience.test_train import CONFIG, recording
from tests.offline.training.separation.test_train import BANDS, NETWORK, SONGS
from tests.offline.training.separation.test_train import task as separation_task
from tests.offline.training.similarity.test_train import SMALL, write_take
from tests.songs import write_songs
from tests.tolerances import BFLOAT16

CPU = torch.device("cpu")
REASON = "the test does without"


def xumx(place: Path) -> Any:
    return separation_task(write_songs(place / "songs", SONGS), NETWORK)


def bands(place: Path) -> Any:
    return separation_task(write_songs(place / "songs", SONGS), BANDS, snr=True)


def detection(place: Path) -> Any:
    return detection_task()


def salience(place: Path) -> Any:
    write_transform(place, CONFIG)
    for i in range(2):
        write_salience_recording(place, recording(f"r{i}"))
    recordings = open_salience_set(place)
    torch.manual_seed(0)
    model = SalienceNetwork(SalienceNetworkConfig(channels=(4, 4, 4, 4, 4), n_bins=CONFIG.n_bins))
    return SalienceTask(model, recordings, recordings, SalienceBatch(batch=2, frames=32))


def similarity(place: Path) -> Any:
    write_take(place / "take-0.npz", 0, noise=0.02)
    pairs = PairSet(stored_takes(place), PairConfig(feature="chroma", pair_frames=16), takes=2)
    torch.manual_seed(0)
    return CnnTask(SiameseCnn(SMALL), pairs, pairs)


def live_similarity(place: Path) -> Any:
    write_take(place / "take-0.npz", 0, noise=0.02)
    torch.manual_seed(0)
    streaming = StreamingTaskConfig(take_frames=128)
    config = SimilarityTraining(
        data=place, validation=place, output=place, hidden=16, embedding=8, batch=1, streaming=streaming
    )
    return StreamingTask(stored_takes(place), stored_takes(place), config)


MIXED = (xumx, bands, detection, salience, similarity)


def step(task: Any) -> float:
    """The loss of a step whose gradients are finite."""
    torch.manual_seed(1)
    task.model.train()
    loss, _ = task.loss(0)
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in task.model.parameters() if p.grad is not None)
    return float(loss.detach())


@pytest.mark.parametrize("make", MIXED, ids=lambda make: make.__name__)
def test_the_smallest_step_of_every_task_in_both_ways(
    make: Callable[[Path], Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As this processor can, and as one without bfloat16 does: exactly as if bfloat16 had not been asked for."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    able, unable = make(tmp_path / "a"), make(tmp_path / "b")
    able.precision = Precision(able.precision._step)
    unable.precision = Precision(unable.precision._step, probe=lambda network, step: REASON)
    in_float32 = step(unable)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and REASON in said
    assert unable.precision.mixed(unable.model) is False
    unable.model.zero_grad()
    unable.precision = Precision(unable.precision._step, wanted=False)
    assert step(unable) == in_float32
    assert step(able) == pytest.approx(in_float32, rel=BFLOAT16)
    if not has_bfloat16(CPU):
        assert not able.precision.mixed(able.model) and "bfloat16" in capsys.readouterr().err


@pytest.mark.parametrize("make", [*MIXED, live_similarity], ids=lambda make: make.__name__)
def test_validation_comes_before_the_first_step_too(make: Callable[[Path], Any], tmp_path: Path) -> None:
    """The probe needs gradients, which validation runs without."""
    task = make(tmp_path)
    if hasattr(task, "precision"):
        task.precision = Precision(task.precision._step)
    with torch.no_grad():
        assert task.validate(task.model.eval())


@pytest.mark.parametrize("name", ["BachBot", "MiniBach", "WaveNet"])
def test_generators_are_trained_in_float32(name: str, folder: Path) -> None:
    task = build_training(tiny_generator(name, folder))
    kinds: set[torch.dtype] = set()
    for part in task.model.modules():
        part.register_forward_hook(lambda part, given, out: kinds.add(out.dtype) if isinstance(out, Tensor) else None)
    step(task)
    assert kinds and torch.bfloat16 not in kinds


class Layer(nn.Module):
    """A layer that adds noise and counts its calls; `broken` fails where it is run in bfloat16."""

    def __init__(self, *, broken: bool = False) -> None:
        super().__init__()
        self.linear, self.dropout, self.norm = nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4)
        self.broken = broken

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        if self.broken and y.dtype == torch.bfloat16:
            raise RuntimeError("could not create a primitive. Run with more diagnostics")
        return self.norm(self.dropout(y))


def tiny(layer: nn.Module) -> Tensor:
    out = layer(torch.ones(8, 4))
    assert isinstance(out, Tensor)
    return out


@pytest.fixture
def with_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: MappingProxyType({"avx512_bf16": True}))


@pytest.mark.usefixtures("with_bfloat16")
def test_what_runs_in_bfloat16_is_trained_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    layer, precision = Layer(), Precision(tiny)
    with precision.autocast(layer):
        assert layer.linear(torch.ones(1, 4)).dtype == torch.bfloat16
    assert not capsys.readouterr().err


@pytest.mark.usefixtures("with_bfloat16")
def test_what_does_not_run_in_bfloat16_is_trained_in_float32(capsys: pytest.CaptureFixture[str]) -> None:
    layer, precision = Layer(broken=True), Precision(tiny)
    for _ in range(2):
        with precision.autocast(layer):
            assert tiny(layer).dtype == torch.float32
    assert capsys.readouterr().err == "Training in float32 instead of bfloat16: could not create a primitive.\n"


def test_without_instructions_for_it_bfloat16_is_not_even_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: MappingProxyType({"avx2": True, "avx512_bf16": False}))
    assert not has_bfloat16(CPU) and has_bfloat16(torch.device("cuda"))
    assert "no instructions" in bfloat16_obstacle(Layer(), lambda layer: pytest.fail("tried"))


@pytest.mark.usefixtures("with_bfloat16")
def test_the_probe_leaves_no_trace() -> None:
    layer = Layer()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    torch.manual_seed(3)
    chance = torch.get_rng_state()
    with torch.no_grad():
        assert not bfloat16_obstacle(layer.eval(), tiny)
    assert torch.equal(torch.get_rng_state(), chance)
    assert not layer.training and all(p.grad is None for p in layer.parameters())
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
