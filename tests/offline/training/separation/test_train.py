"""Training end to end, small: three tones that a tiny bank learns to tell apart within seconds."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import ConfigError
from models.separation.losses import (
    FLOOR_DB,
    combination_masks,
    mean_loss,
    multi_domain_loss,
    spectral_mse,
    weighted_sdr,
)
from models.separation.network import UnmixConfig
from offline.synthesis.multitrack import Corpus
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer
from offline.training.separation.change_resolution import begin_with
from offline.training.separation.export import load_checkpoint
from offline.training.separation.mixing import MixConfig, Mixer, StemBank
from offline.training.separation.objective import ObjectiveConfig
from offline.training.separation.train import UnmixTask, add_options, network_config
from offline.training.separation.validation import scale_invariant_sdr
from tests.songs import RATE, write_songs
from tests.tolerances import FLOAT32

TARGETS = ("vocals", "drums", "other")
SONGS = {"a": {"vocals": 400, "drums": 1300, "other": 2500}, "b": {"vocals": 500, "drums": 1500, "other": 3000}}
NETWORK = UnmixConfig(targets=TARGETS, sample_rate=RATE, n_fft=256, hop=64, hidden=16, bandwidth_hz=4000)
BANDS = UnmixConfig(
    network="bands", targets=TARGETS, sample_rate=RATE, n_fft=256, hop=64, hidden=8, n_layers=1, bandwidth_hz=4000
)

WIDE = replace(BANDS, stereo="mid-side")


def task(folder: Path, network: UnmixConfig = NETWORK, **objective: object) -> UnmixTask:
    bank = StemBank([Corpus(folder=folder)], TARGETS, sample_rate=RATE)
    mixer = Mixer(bank, MixConfig(), n_samples=256 + 40 * 64)
    held_out = [torch.rand(3, 2, 4000, generator=torch.Generator().manual_seed(0)) - 0.5]
    settings = {"batch": 4, "mixed": False, **objective}
    return UnmixTask(network, ObjectiveConfig(**settings), mixer, held_out)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_songs(tmp_path / "songs", SONGS)


@pytest.mark.parametrize(("multi_domain", "combine"), [(False, False), (True, False), (False, True), (True, True)])
def test_loss_and_gradient_equal_the_plain_computation(folder: Path, multi_domain: bool, combine: bool) -> None:
    """Taken example by example with a known gradient, it is the loss of the whole batch through autograd."""
    made = task(folder, multi_domain=multi_domain, combine=combine)
    made.start_from_statistics()
    made.model.eval()
    value, numbers = made.loss(0)
    value.backward()
    got = made.model.nets["drums"].fc3.weight.grad.clone()
    made.model.zero_grad()
    mix, masks = made.mixer.draw(0, 4), combination_masks(3, combine=combine)
    spectra = made.transform.spectra(mix.references)
    mixture = spectra.sum(2)
    estimate = made.model(mixture.abs())
    losses = spectral_mse(spectra.abs(), estimate * mixture.abs()[:, :, None], masks)
    if multi_domain:
        samples = made.transform.samples(estimate * mixture[:, :, None])
        losses = multi_domain_loss(losses, weighted_sdr(made.transform.inner(mix.references), samples, masks))
    plain = mean_loss(losses)
    plain.backward()
    expected = made.model.nets["drums"].fc3.weight.grad
    assert float(value.detach()) == pytest.approx(float(plain.detach()), rel=1e-4)
    assert (got - expected).abs().max() <= 100 * FLOAT32 * expected.std()
    assert (numbers["wsdr"] != 0) == multi_domain


@pytest.mark.parametrize(
    ("network", "snr", "better"), [(NETWORK, False, 3), (BANDS, True, 3), (WIDE, True, 3), (WIDE, False, 1)]
)
def test_a_bank_learns(folder: Path, network: UnmixConfig, snr: bool, better: float) -> None:
    made = task(folder, network, snr=snr)
    made.start_from_statistics()
    optimiser = torch.optim.Adam(made.model.parameters(), 0.01)
    values = []
    for index in range(30):
        value, _ = made.loss(index)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        values.append(float(value.detach()))
    assert np.mean(values[-5:]) < np.mean(values[:5]) - better  # of 10 times -0.5 to -1, and of decibels


@pytest.mark.parametrize("equalise_db", [0.0, 4.0])
def test_decibels_of_error_and_their_gradient_equal_the_plain_computation(folder: Path, equalise_db: float) -> None:
    made = task(folder, BANDS, snr=True, equalise_db=equalise_db, combine=False)
    made.start_from_statistics()
    made.model.eval()
    value, _ = made.loss(0)
    value.backward()
    got = made.model.norm.weight.grad.clone()
    made.model.zero_grad()
    mix = made.mixer.draw(0, 4)
    spectra = made.transform.spectra(mix.references)
    if equalise_db:
        spectra = spectra * made._equalisers(0, mix.merged)
    mixture = spectra.sum(2)
    errors = made.model(mixture.abs()) * mixture[:, :, None] - spectra
    shares = errors.abs().square().sum((0, 3, 4)) / mixture.abs().square().sum((0, 2, 3))[:, None]
    plain = (10 * torch.log10(shares + 10 ** (FLOOR_DB / 10))).mean()
    plain.backward()
    assert float(value.detach()) == pytest.approx(float(plain.detach()), rel=1e-4)
    expected = made.model.norm.weight.grad
    assert (got - expected).abs().max() <= 100 * FLOAT32 * expected.std()


def test_mid_and_side_are_scaled_by_themselves_and_lose_as_much_as_left_and_right(folder: Path) -> None:
    """Masks that are all alike leave the same errors on both sides of the turn."""
    plain, turned = task(folder, BANDS, snr=True), task(folder, WIDE, snr=True)
    for made in (plain, turned):
        made.start_from_statistics()
        for layer in made.model.outer:
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    assert turned.model.mean.shape == (4, 129)
    assert turned.model.mean[1].mean() < turned.model.mean[0].mean() - 0.5  # nepers; a third of mid, and a floor
    assert plain.loss(0)[0].item() == pytest.approx(turned.loss(0)[0].item(), abs=1e-4)


def test_equalisers_are_each_stems_own_and_smooth(folder: Path) -> None:
    made = task(folder, BANDS, snr=True, equalise_db=4.0)
    merged = torch.tensor([[False, False, False], [False, True, True]])
    db = 20 * torch.log10(made._equalisers(7, merged)[:, :, 0])
    assert torch.equal(db, 20 * torch.log10(made._equalisers(7, merged)[:, :, 0]))
    assert torch.equal(db[1, 1], db[1, 2])  # stems that are not told apart are changed alike
    assert (db[0, 0] - db[0, 1]).abs().max() > 1
    octaves = torch.log2(torch.arange(1, 129.0))
    slopes = db[..., 1:].diff() / octaves.diff()
    assert slopes.abs().max() < 10 * 4.0  # dB an octave: between two draws an octave apart
    assert db.abs().mean() == pytest.approx(4 * (2 / np.pi) ** 0.5, rel=0.5)


def test_equalisers_need_the_loss_that_knows_them() -> None:
    with pytest.raises(ConfigError, match="--snr"):
        ObjectiveConfig(equalise_db=3.0)
    with pytest.raises(ConfigError, match="--snr"):
        ObjectiveConfig(floor_db=-10.0)


def test_the_level_of_the_mixes_goes_to_the_checkpoint(folder: Path) -> None:
    made = task(folder)
    assert made.config.level == 0
    made.measure_level()
    mixtures = torch.cat([made.mixer.draw(index, made.objective.batch).references.sum(1) for index in range(40)])
    heard = mixtures.square().mean((1, 2)).clamp_min(1e-12).sqrt().log().mean().exp()
    assert made.config.level == pytest.approx(float(heard), rel=0.2)  # of 8 batches of a few examples
    assert made.describe()["level"] == made.config.level


@pytest.mark.parametrize("network", [NETWORK, WIDE])
def test_validation_of_the_mixture_itself_is_no_gain(folder: Path, network: UnmixConfig) -> None:
    made = task(folder, network)

    class Flat(torch.nn.Module):
        def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
            return torch.ones(*magnitude.shape[:2], 3, 2, magnitude.shape[-1])

    figures = made.validate(Flat())
    assert figures["gain"] == pytest.approx(0, abs=1e-3)
    assert set(figures) == {"gain", *(f"{kind}_{target}" for kind in ("si_sdr", "gain") for target in TARGETS)}


def test_si_sdr_by_hand() -> None:
    """x = (1, 0), estimate (2, 1): 4 to 1, which is 6.02 dB, at any scale of the estimate."""
    x, y = torch.tensor([1.0, 0.0]), torch.tensor([2.0, 1.0])
    for scale in (1, 10):
        got = scale_invariant_sdr(x.reshape(2, 1, 1), scale * y.reshape(2, 1, 1))
        assert float(got) == pytest.approx(10 * np.log10(4), abs=1e-5)


def test_options_have_the_paper_s_defaults() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    args = parser.parse_args(["--data", "songs", "--out", "run"])
    assert (args.model, args.rate, args.no_mdl, args.no_cl) == ("xumx", 0.001, False, False)
    assert args.targets == ["vocals", "drums", "bass", "other"]


@pytest.mark.parametrize(
    ("options", "shape"), [([], (256, 3)), (["--model", "bands"], (64, 4)), (["--hidden", "8"], (8, 3))]
)
def test_each_kind_of_network_has_a_size_of_its_own(options: list[str], shape: tuple[int, int]) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    config = network_config(parser.parse_args(["--data", "songs", "--out", "run", *options]))
    assert (config.hidden, config.n_layers) == shape
    with pytest.raises(ConfigError, match="hidden"):
        network_config(parser.parse_args(["--data", "songs", "--out", "run", *options, "--hidden", "0"]))


def test_a_run_of_no_steps_is_the_one_that_it_starts_from(folder: Path, tmp_path: Path) -> None:
    """What it leaves are the weights that were taken over, not those that it was built with."""
    other, made = task(folder, BANDS), task(folder, BANDS, seed=5)
    trainer = Trainer(made, tmp_path / "run", LoopConfig(steps=0))
    begin_with(made.model, other.model)
    trainer.begin()
    trainer.run()
    left = load_checkpoint(tmp_path / "run" / "checkpoint.pt")[0].state_dict()
    assert all(torch.equal(value, left[name]) for name, value in other.model.state_dict().items())
