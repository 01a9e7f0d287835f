"""Training the last layers alone; those before them stay as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import ConfigError
from models.detection.config import CrnnConfig
from models.detection.graph import export_crnn
from models.detection.network import Crnn
from offline.datasets.scenes import save_scene_set
from offline.training.detection.config import RecurrentFinetuning, RecurrentFit
from offline.training.detection.finetune_recurrent import finetune_recurrent, stack_outputs
from offline.training.detection.init_weights import calibrated_crnn, load_crnn
from tests.offline.training.detection.test_train import CLASSES, SMALL, scenes


def test_only_what_follows_the_convolutions_learns(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = CrnnConfig(classes=CLASSES, filters=SMALL, hidden=8, causal=True, look_ahead=1, momentum=1.0, dropout=0.0)
    model, some = Crnn(network).eval(), scenes(24, 0)
    mel = torch.from_numpy(some.mel).float()
    model.set_statistics(mel.mean((0, 1)), mel.std((0, 1)))
    model.train()(mel)  # batch norms that fit
    model.eval()
    torch.save({"task": network.as_dict(), "weights": model.state_dict()}, tmp_path / "checkpoint.pt")
    save_scene_set(tmp_path / "set", some)
    config = RecurrentFinetuning(
        checkpoint=tmp_path / "checkpoint.pt",
        sets=(tmp_path / "set",),
        output=tmp_path / "out",
        fit=RecurrentFit(steps=150, batch=12, learning_rate=1e-2),
    )
    figures = finetune_recurrent(config)
    assert figures["last_loss"] < 0.8 * figures["first_loss"]
    learnt = load_crnn(tmp_path / "out" / "checkpoint.pt").state_dict()
    changed = {name.split(".")[0] for name, value in model.state_dict().items() if not torch.equal(value, learnt[name])}
    assert changed == {"recurrent", "head"}


def test_the_outputs_of_the_convolutions() -> None:
    """With the other layers behind them, they are the network."""
    torch.manual_seed(0)
    model, some = Crnn(CrnnConfig(classes=CLASSES, filters=SMALL, hidden=8)).eval(), scenes(4, 0)
    with torch.inference_mode():
        outputs = stack_outputs(model, some, np.arange(4), 7).float()[..., 0].transpose(1, 2)
        logits = model.head(model.recurrent(outputs)[0])
        expected = model(torch.from_numpy(some.mel).float())
    assert (logits - expected).abs().max() < 0.05 * expected.std() + 0.02  # bfloat16


def test_a_bidirectional_network_becomes_causal(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = CrnnConfig(classes=CLASSES, filters=SMALL, hidden=8)
    torch.save({"task": network.as_dict(), "weights": Crnn(network).state_dict()}, tmp_path / "checkpoint.pt")
    save_scene_set(tmp_path / "set", scenes(8, 0))
    sets, output = (tmp_path / "set",), tmp_path / "out"
    finetune_recurrent(
        RecurrentFinetuning(
            checkpoint=tmp_path / "checkpoint.pt",
            sets=sets,
            output=output,
            look_ahead=6,
            fit=RecurrentFit(steps=2, batch=4),
        )
    )
    learnt = load_crnn(output / "checkpoint.pt").config
    assert learnt.causal
    assert learnt.look_ahead == 6


def test_an_embedding_is_fused(tmp_path: Path) -> None:
    """Labels are learnt from the embedding where the log-mel is silent; the convolutions stay the same."""
    torch.manual_seed(0)
    network = CrnnConfig(classes=CLASSES, filters=SMALL, hidden=8)
    finished = Crnn(network)
    torch.save({"task": network.as_dict(), "weights": finished.state_dict()}, tmp_path / "checkpoint.pt")
    some = scenes(24, 0)
    told = np.repeat(some.steps, 2, axis=2).astype(np.float16)
    save_scene_set(tmp_path / "set", replace(some, mel=0 * some.mel, embeddings={"told": told}))
    config = RecurrentFinetuning(
        checkpoint=tmp_path / "checkpoint.pt",
        sets=(tmp_path / "set",),
        output=tmp_path / "out",
        embedding=("told=4",),
        fit=RecurrentFit(steps=60, batch=8, learning_rate=2e-2, hidden_spectra=0.5),
    )
    figures = finetune_recurrent(config)
    assert figures["last_loss"] < 0.5 * figures["first_loss"]
    model = load_crnn(tmp_path / "out" / "checkpoint.pt")
    assert [e.name for e in model.config.embeddings] == ["told"]
    convolutions = {name: value for name, value in finished.state_dict().items() if name.startswith("stacks")}
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in convolutions.items())
    with pytest.raises(ConfigError, match="told"):
        finetune_recurrent(replace(config, embedding=("other",)))
    with pytest.raises(ConfigError, match="log-mel alone"):
        finetune_recurrent(replace(config, checkpoint=tmp_path / "out" / "checkpoint.pt"))


def test_the_last_convolutions_learn_too_and_an_embedding_is_told(tmp_path: Path) -> None:
    """An exported file continues; what is before the last stacks stays, and the network keeps its shape."""
    torch.manual_seed(0)
    network = CrnnConfig(classes=CLASSES, filters=SMALL, hidden=8, causal=True, look_ahead=1)
    finished, some = Crnn(network).eval(), scenes(16, 0)
    export_crnn(finished, tmp_path / "finished.onnx", licence="MIT", training="none")
    described = np.repeat(some.steps, 2, axis=2).astype(np.float16)
    save_scene_set(tmp_path / "set", replace(some, embeddings={"told": described}))
    config = RecurrentFinetuning(
        checkpoint=tmp_path / "finished.onnx",
        sets=(tmp_path / "set",),
        output=tmp_path / "out",
        fit=RecurrentFit(steps=40, batch=8, learning_rate=1e-2, stacks=2, describe="told"),
    )
    figures = finetune_recurrent(config)
    assert figures["last_loss"] < 0.9 * figures["first_loss"]
    learnt, start = load_crnn(tmp_path / "out" / "checkpoint.pt"), calibrated_crnn(config.checkpoint, some)
    assert learnt.config.as_dict() | {"dropout": 0} == start.config.as_dict() | {"dropout": 0}
    own = learnt.state_dict()
    changed = {
        name.rsplit(".", 1)[0] for name, value in start.state_dict().items() if not torch.equal(value, own[name])
    }
    stacks = {f"stacks.{i}.{layer}" for i in (5, 6) for layer in ("convolution", "norm")}
    assert changed == {"recurrent", "head", *stacks}
    with pytest.raises(ConfigError, match="describe"):
        finetune_recurrent(replace(config, fit=replace(config.fit, describe="other")))
