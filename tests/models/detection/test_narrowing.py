"""A narrow network keeps what the wide one hears: exactly where channels are idle, nearly where it is fitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.core.errors import ConfigError
from models.detection.narrowing import narrowed, narrowed_crnn
from models.detection.network import Crnn
from offline.training.detection.init_weights import weights_for
from tests.models.detection.test_network import build

NARROW = (2, 3, 3, 4, 4, 4, 4)


def wide() -> Crnn:
    """Twice as many channels, of which the last half of each stack is idle."""
    model = build(causal=True, look_ahead=1, filters=tuple(2 * n for n in NARROW)).eval()
    with torch.no_grad():
        for stack, n in zip(model.stacks, NARROW, strict=True):
            stack.convolution.weight[n:] *= 1e-6  # type: ignore[union-attr,operator,index]
            stack.convolution.bias[n:] = 0  # type: ignore[union-attr,operator,index]
            stack.norm.bias[n:] = 0  # type: ignore[union-attr,operator,index]
            stack.norm.running_mean[n:] = 0  # type: ignore[union-attr,operator,index]
    return model


def test_idle_channels_are_left_out_and_nothing_else() -> None:
    model = wide()
    narrow = Crnn(replace(model.config, filters=NARROW)).eval()
    narrow.load_state_dict(weights_for(narrow.config, model))
    mel = torch.randn(2, 40, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert (narrow(mel) - model(mel)).abs().max() < 1e-4
    with pytest.raises(ConfigError, match="at most 4 in stack 0"):
        narrowed(model.state_dict(), (5, *NARROW[1:]))


def test_fitted_kernels_come_nearer_than_cut_ones() -> None:
    model = build(causal=True, look_ahead=1, filters=tuple(2 * n for n in NARROW)).eval()
    mel = torch.randn(6, 80, 128, generator=torch.Generator().manual_seed(0))
    fitted = narrowed_crnn(model, NARROW, mel)
    cut = Crnn(fitted.config).eval()
    cut.load_state_dict(narrowed(model.state_dict(), NARROW))
    heard = torch.randn(2, 80, 128, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        goal = model(heard).numpy()
        errors = [float(np.square(each(heard).numpy() - goal).mean()) for each in (fitted, cut)]
    assert errors[0] < 0.8 * errors[1]
