"""Augmented scenes: the sound changes by no more than asked, and the labels stay true."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.core.errors import ConfigError
from engine.detection.frame_clock import STEP_FRAMES
from models.detection.config import CrnnConfig, EmbeddingInput
from offline.training.detection.augment import augment
from offline.training.detection.config import SceneAugmentation
from offline.training.detection.data import SceneBatches
from tests.tolerances import FLOAT32

N_SCENES, N_STEPS, N_MELS = 12, 40, 128
QUIET, LOUD = -8.0, 0.0
STILL = {"gain_db": 0.0, "mask": 0}


def batch(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Scenes with one sound each, in bands 40 to 59, and its label; all strongly labelled."""
    rng = np.random.default_rng(seed)
    mel = np.full((N_SCENES, N_STEPS * STEP_FRAMES, N_MELS), QUIET, np.float32)
    labels = np.zeros((N_SCENES, N_STEPS, 2), np.float32)
    for scene in range(N_SCENES):
        first = int(rng.integers(2, 25))
        mel[scene, first * STEP_FRAMES : (first + 10) * STEP_FRAMES, 40:60] = LOUD
        labels[scene, first : first + 10, scene % 2] = 1
    return torch.from_numpy(mel), torch.from_numpy(labels), torch.full((N_SCENES,), 2)


def sounding(mel: Tensor) -> Tensor:
    """(scene, step): whether it sounds in the middle of the step."""
    middle = mel.unflatten(1, (-1, STEP_FRAMES))[:, :, 1:3].mean(2)
    return middle.amax(-1) > (QUIET + LOUD) / 2


def test_filters_and_stripes_stay_within_what_is_asked() -> None:
    mel, labels, known = batch()
    mel = mel + torch.from_numpy(np.random.default_rng(1).standard_normal(mel.shape).astype(np.float32))
    filtered, same = augment(mel, labels, known, SceneAugmentation(gain_db=6, mask=0), np.random.default_rng(0))
    louder, nepers = filtered - mel, 6 * np.log(10) / 20
    assert 0.5 * nepers < louder.abs().max() <= nepers + FLOAT32
    assert louder.std(1).max() < FLOAT32  # the same in every frame
    assert torch.equal(same, labels)
    masked, _ = augment(mel, labels, known, SceneAugmentation(gain_db=0, mask=12), np.random.default_rng(0))
    assert 0 < (masked != mel).any(1).sum(1).max() <= 12
    torch.testing.assert_close(masked.mean(1), mel.mean(1))  # held at each band's own level


def test_labels_go_with_the_sound_at_another_speed() -> None:
    mel, labels, known = batch()
    moved, theirs = augment(mel, labels, known, SceneAugmentation(stretch=0.3, **STILL), np.random.default_rng(0))
    assert moved.shape == mel.shape and theirs.shape == labels.shape
    assert not torch.equal(theirs, labels)
    agree = sounding(moved) == theirs.amax(-1).bool()
    assert float(agree.float().mean()) > 0.97  # but for steps in which it begins or ends
    lengths = theirs.sum((1, 2))
    assert 7 < float(lengths.median()) < 13 and 10 < float(lengths.max()) <= 15  # of ten steps; some are cut


def test_bands_move_by_so_many_at_most() -> None:
    mel, labels, known = batch()
    moved, theirs = augment(mel, labels, known, SceneAugmentation(shift=5, **STILL), np.random.default_rng(0))
    lowest = (moved > LOUD - 1).any(1).float().argmax(1)
    assert set(lowest.tolist()) <= set(range(35, 46)) and len(set(lowest.tolist())) > 3
    assert torch.equal(theirs, labels)


def test_one_scene_over_another_has_the_labels_of_both() -> None:
    mel, labels, known = batch()
    both, theirs = augment(mel, labels, known, SceneAugmentation(overlay=1, **STILL), np.random.default_rng(0))
    assert (both >= mel - FLOAT32).all() and (theirs >= labels).all()
    assert float(theirs.sum()) > 1.3 * float(labels.sum())
    assert float((both - mel).max()) > 5
    strong = torch.tensor([2, 1] * (N_SCENES // 2))
    _, apart = augment(mel, labels, strong, SceneAugmentation(overlay=1, **STILL), np.random.default_rng(0))
    assert not apart[strong == 2][..., 1].any()  # even scenes have sound 0 only, odd ones are known less of


def test_nothing_asked_nothing_changed() -> None:
    mel, labels, known = batch()
    same, theirs = augment(mel, labels, known, SceneAugmentation(**STILL), np.random.default_rng(0))
    assert torch.equal(same, mel) and torch.equal(theirs, labels)


@pytest.mark.parametrize("name", ["shift", "stretch", "overlay"])
def test_embeddings_cannot_be_moved(name: str) -> None:
    config = CrnnConfig(classes=("a",), embeddings=(EmbeddingInput(name="x", n_in=4),))
    noise = SceneAugmentation(**{name: 1 if name == "shift" else 0.2})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="leave --embedding out"):
        SceneBatches(config, [], noise)
