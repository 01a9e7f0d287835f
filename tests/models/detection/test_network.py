"""The CRNN: sizes as published, causality, and blocks that equal the whole."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor

from engine.core.errors import ConfigError
from models.detection.config import CrnnConfig, EmbeddingInput
from models.detection.network import POOL, Crnn, linear_pool

CLASSES = tuple("abcdefghij")
FUSED = (EmbeddingInput(name="auditory", n_in=24), EmbeddingInput(name="visual", n_in=40, n_out=4))
TINY = dict(classes=CLASSES, filters=(4, 4, 8, 8, 8, 8, 8), hidden=12)


def build(seed: int = 0, **settings: object) -> Crnn:
    """A small network with lively weights and statistics, in evaluation mode."""
    torch.manual_seed(seed)
    model = Crnn(CrnnConfig(**{**TINY, **settings}))  # type: ignore[arg-type]
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.normal_(module.bias)
    model.set_statistics(torch.randn(128), torch.rand(128) + 0.5)
    return model.eval()


@pytest.mark.parametrize(
    ("activation", "causal", "n"),
    [("relu", False, 1_038_314), ("glu", False, 1_109_850), ("relu", True, 740_586), ("glu", True, 812_122)],
)
def test_the_sizes_are_the_published_networks(activation: str, causal: bool, n: int) -> None:
    model = Crnn(CrnnConfig(classes=CLASSES, activation=activation, causal=causal))
    assert sum(p.numel() for p in model.parameters()) == n


def test_604_frames_make_151_steps() -> None:
    with torch.inference_mode():
        assert build()(torch.randn(2, 604, 128)).shape == (2, 151, 10)


def stream(model: Crnn, mel: Tensor, sides: tuple[Tensor, ...], sizes: list[int]) -> Tensor:
    """Logits of `mel`, fed in blocks of so many steps, over and over."""
    state, out, at, turn = model.initial_state(len(mel)), [], 0, 0
    while at < mel.shape[1] // POOL:
        end = at + sizes[turn % len(sizes)]
        logits, state = model.stream(mel[:, at * POOL : end * POOL], state, tuple(s[:, at:end] for s in sides))
        out.append(logits)
        at, turn = end, turn + 1
    return torch.cat(out, 1)


@pytest.mark.parametrize("sizes", [[1], [3, 1, 5], [15], [20]])
@pytest.mark.parametrize("activation", ["relu", "glu"])
@pytest.mark.parametrize("fused", [(), FUSED])
def test_blocks_equal_the_whole(sizes: list[int], activation: str, fused: tuple[EmbeddingInput, ...]) -> None:
    model = build(activation=activation, causal=True, embeddings=fused).double()
    mel = torch.randn(2, 20 * POOL, 128, dtype=torch.float64)
    sides = tuple(torch.randn(2, 20, e.n_in, dtype=torch.float64) for e in fused)
    with torch.inference_mode():
        torch.testing.assert_close(stream(model, mel, sides, sizes), model(mel, sides), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_the_causal_network_uses_no_later_frame_than_it_declares(ahead: int) -> None:
    model = build(causal=True, look_ahead=ahead)
    mel = torch.randn(1, 80, 128)
    changed = mel.clone()
    changed[:, 40:] = torch.randn(1, 40, 128)
    with torch.inference_mode():
        differs = (model(mel) != model(changed)).any(2)[0]
    assert differs.nonzero().min() == 10 - ahead


def test_look_ahead_speaks_of_earlier_steps() -> None:
    plain, ahead = build(causal=True), build(causal=True, look_ahead=2)
    ahead.load_state_dict(plain.state_dict())
    mel = torch.randn(1, 80, 128)
    with torch.inference_mode():
        torch.testing.assert_close(ahead(mel)[:, :-2], plain(mel)[:, 2:])


def test_the_published_network_is_bidirectional() -> None:
    model = build()
    mel = torch.randn(1, 80, 128)
    with torch.inference_mode():
        differs = (model(mel) != model(torch.cat([mel[:, :76], -mel[:, 76:]], 1))).any(2)[0]
    assert differs.all()
    with pytest.raises(ConfigError, match="expected a causal network"):
        model.initial_state()


def test_linear_pooling_is_equation_1() -> None:
    probability = torch.tensor([[[0.2, 0.0], [0.6, 0.0], [0.2, 0.0]]])
    torch.testing.assert_close(linear_pool(probability), torch.tensor([[0.44, 0.0]]))


def test_embeddings_alone_need_no_mel() -> None:
    model = build(spectral=False, embeddings=FUSED)
    sides = torch.randn(1, 20, 24), torch.randn(1, 20, 40)
    with torch.inference_mode():
        torch.testing.assert_close(model(torch.randn(1, 80, 128), sides), model(torch.zeros(1, 80, 128), sides))


def test_the_settings_survive_json() -> None:
    config = CrnnConfig(**TINY, causal=True, look_ahead=1, embeddings=FUSED)  # type: ignore[arg-type]
    assert CrnnConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"look_ahead": 1}, "look_ahead: expected 0 for a bidirectional network, got 1"),
        ({"activation": "tanh"}, "activation: expected one of relu, glu"),
        ({"filters": (1, 2)}, "filters: expected 7 numbers, one for each stack"),
        ({"spectral": False}, "true where there is no embedding"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        CrnnConfig(**{**TINY, **wrong})  # type: ignore[arg-type]
