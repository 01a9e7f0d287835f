"""Going on with the recurrent layers alone: from what the convolutions hear, which stays as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import ConfigError
from models.detection.network import Crnn, CrnnConfig
from offline.datasets.scenes import save_scene_set
from offline.training.detection.finetune_recurrent import RecurrentFit, RecurrentJob, heard_by, train_recurrent
from offline.training.detection.train import load_crnn
from tests.offline.training.detection.test_train import CLASSES, SMALL, scenes


def test_only_what_follows_the_convolutions_learns(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = CrnnConfig(classes=CLASSES, filters=SMALL, hidden=8, causal=True, look_ahead=1, momentum=1.0, dropout=0.0)
    model, some = Crnn(config).eval(), scenes(24, 0)
    mel = torch.from_numpy(some.mel).float()
    model.set_statistics(mel.mean((0, 1)), mel.std((0, 1)))
    model.train()(mel)  # batch norms that fit
    model.eval()
    torch.save({"task": config.as_dict(), "weights": model.state_dict()}, tmp_path / "checkpoint.pt")
    save_scene_set(tmp_path / "set", some)
    job = RecurrentJob(
        checkpoint=tmp_path / "checkpoint.pt",
        sets=(tmp_path / "set",),
        output=tmp_path / "out",
        fit=RecurrentFit(steps=150, batch=12, rate=1e-2),
    )
    losses = train_recurrent(job)
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    learnt = load_crnn(tmp_path / "out" / "checkpoint.pt").state_dict()
    changed = {name.split(".")[0] for name, value in model.state_dict().items() if not torch.equal(value, learnt[name])}
    assert changed == {"recurrent", "head"}


def test_what_the_convolutions_hear() -> None:
    """With the rest behind it, it is the network."""
    torch.manual_seed(0)
    model, some = Crnn(CrnnConfig(classes=CLASSES, filters=SMALL, hidden=8)).eval(), scenes(4, 0)
    with torch.inference_mode():
        heard = heard_by(model, some, np.arange(4)).float()
        logits = model.head(model.recurrent(heard)[0])
        expected = model(torch.from_numpy(some.mel).float())
    assert (logits - expected).abs().max() < 0.05 * expected.std() + 0.02  # bfloat16


def test_it_can_begin_with_a_network_of_both_directions(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = CrnnConfig(classes=CLASSES, filters=SMALL, hidden=8)
    torch.save({"task": config.as_dict(), "weights": Crnn(config).state_dict()}, tmp_path / "checkpoint.pt")
    save_scene_set(tmp_path / "set", scenes(8, 0))
    sets, output = (tmp_path / "set",), tmp_path / "out"
    train_recurrent(
        RecurrentJob(
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


def test_it_can_learn_to_hear_an_embedding(tmp_path: Path) -> None:
    """What the embedding tells is learnt where the log-mel tells nothing; the rest is the network it began with."""
    torch.manual_seed(0)
    config = CrnnConfig(classes=CLASSES, filters=SMALL, hidden=8)
    finished = Crnn(config)
    torch.save({"task": config.as_dict(), "weights": finished.state_dict()}, tmp_path / "checkpoint.pt")
    some = scenes(24, 0)
    told = np.repeat(some.steps, 2, axis=2).astype(np.float16)
    save_scene_set(tmp_path / "set", replace(some, mel=0 * some.mel, embeddings={"told": told}))
    job = RecurrentJob(
        checkpoint=tmp_path / "checkpoint.pt",
        sets=(tmp_path / "set",),
        output=tmp_path / "out",
        embeddings=("told=4",),
        fit=RecurrentFit(steps=60, batch=8, rate=2e-2, hidden=0.5),
    )
    losses = train_recurrent(job)
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    model = load_crnn(tmp_path / "out" / "checkpoint.pt")
    assert [e.name for e in model.config.embeddings] == ["told"]
    convolutions = {name: value for name, value in finished.state_dict().items() if name.startswith("stacks")}
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in convolutions.items())
    with pytest.raises(ConfigError, match="told"):
        train_recurrent(replace(job, embeddings=("other",)))
    with pytest.raises(ConfigError, match="log-mel alone"):
        train_recurrent(replace(job, checkpoint=tmp_path / "out" / "checkpoint.pt"))
