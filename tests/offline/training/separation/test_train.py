"""Training end to end, small: three tones that a tiny bank learns to tell apart within seconds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from engine.core.errors import ConfigError
from models.separation.config import FLOOR_DB, SeparationNetworkConfig
from models.separation.losses import (
    combination_masks,
    mean_loss,
    multi_domain_loss,
    spectral_mse,
    weighted_sdr,
)
from offline.synthesis.multitrack import Corpus
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer
from offline.training.separation.change_resolution import change_resolution
from offline.training.separation.config import SeparationObjective, SeparationTraining, StemMixConfig
from offline.training.separation.data import Mixer, StemBank, ValidationExcerpt
from offline.training.separation.train import SeparationTask, restore_separation, scale_invariant_sdr, train_separation
from tests.songs import RATE, write_songs
from tests.tolerances import FLOAT32, TRAINED

TARGETS = ("vocals", "drums", "other")
SONGS = {"a": {"vocals": 400, "drums": 1300, "other": 2500}, "b": {"vocals": 500, "drums": 1500, "other": 3000}}
NETWORK = SeparationNetworkConfig(targets=TARGETS, sample_rate=RATE, n_fft=256, hop=64, hidden=16, bandwidth_hz=4000)
BANDS = SeparationNetworkConfig(
    network="bands", targets=TARGETS, sample_rate=RATE, n_fft=256, hop=64, hidden=8, n_layers=1, bandwidth_hz=4000
)

WIDE = replace(BANDS, stereo="mid-side")


def task(
    folder: Path, network: SeparationNetworkConfig = NETWORK, seed: int = 0, **objective: object
) -> SeparationTask:
    bank = StemBank([Corpus(folder=folder)], TARGETS, sample_rate=RATE)
    mixer = Mixer(bank, StemMixConfig(), n_samples=256 + 40 * 64)
    validation = [ValidationExcerpt(torch.rand(3, 2, 4000, generator=torch.Generator().manual_seed(0)) - 0.5)]
    settings = {"batch": 4, "mixed": False, **objective}
    return SeparationTask(network, SeparationObjective(**settings), mixer, validation, seed)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_songs(tmp_path / "songs", SONGS)


@pytest.mark.parametrize(("multi_domain", "combine"), [(False, False), (True, False), (False, True), (True, True)])
def test_loss_and_gradient_equal_the_plain_computation(folder: Path, multi_domain: bool, combine: bool) -> None:
    """Taken example by example with a known gradient, it is the loss of the whole batch through autograd."""
    made = task(folder, multi_domain=multi_domain, combine=combine)
    made.scale_input()
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
def test_a_bank_learns(folder: Path, network: SeparationNetworkConfig, snr: bool, better: float) -> None:
    made = task(folder, network, snr=snr)
    made.scale_input()
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
    made.scale_input()
    made.model.eval()
    value, _ = made.loss(0)
    value.backward()
    got = made.model.norm.weight.grad.clone()
    made.model.zero_grad()
    mix = made.mixer.draw(0, 4)
    spectra = made.transform.spectra(mix.references)
    if equalise_db:
        spectra = spectra * made.equalisers(0, mix.merged)
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
        made.scale_input()
        for layer in made.model.outer:
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    assert turned.model.mean.shape == (4, 129)
    assert turned.model.mean[1].mean() < turned.model.mean[0].mean() - 0.5  # nepers; a third of mid, and a floor
    assert plain.loss(0)[0].item() == pytest.approx(turned.loss(0)[0].item(), abs=1e-4)


def test_equalisers_are_each_stems_own_and_smooth(folder: Path) -> None:
    made = task(folder, BANDS, snr=True, equalise_db=4.0)
    merged = torch.tensor([[False, False, False], [False, True, True]])
    db = 20 * torch.log10(made.equalisers(7, merged)[:, :, 0])
    assert torch.equal(db, 20 * torch.log10(made.equalisers(7, merged)[:, :, 0]))
    assert torch.equal(db[1, 1], db[1, 2])  # stems that are not told apart are changed alike
    assert (db[0, 0] - db[0, 1]).abs().max() > 1
    octaves = torch.log2(torch.arange(1, 129.0))
    slopes = db[..., 1:].diff() / octaves.diff()
    assert slopes.abs().max() < 10 * 4.0  # dB an octave: between two draws an octave apart
    assert db.abs().mean() == pytest.approx(4 * (2 / np.pi) ** 0.5, rel=0.5)


def test_equalisers_need_the_loss_that_knows_them() -> None:
    with pytest.raises(ConfigError, match="--snr"):
        SeparationObjective(equalise_db=3.0)
    with pytest.raises(ConfigError, match="--snr"):
        SeparationObjective(floor_db=-10.0)


def test_the_level_of_the_mixes_goes_to_the_checkpoint(folder: Path) -> None:
    made = task(folder)
    assert made.config.level == 0
    made.measure_level()
    mixtures = torch.cat([made.mixer.draw(index, made.objective.batch).references.sum(1) for index in range(40)])
    loud = mixtures.square().mean((1, 2)).clamp_min(1e-12).sqrt().log().mean().exp()
    assert made.config.level == pytest.approx(float(loud), rel=0.2)  # of 8 batches of a few examples
    assert made.describe()["level"] == made.config.level


@pytest.mark.parametrize("network", [NETWORK, WIDE])
def test_validation_of_the_mixture_itself_is_no_gain(folder: Path, network: SeparationNetworkConfig) -> None:
    made = task(folder, network)

    class Flat(torch.nn.Module):
        def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
            return torch.ones(*magnitude.shape[:2], 3, 2, magnitude.shape[-1])

    figures = made.validate(Flat())
    assert figures["gain"] == pytest.approx(0, abs=1e-3)
    assert set(figures) == {"gain", *(f"{kind}_{target}" for kind in ("si_sdr", "gain") for target in TARGETS)}


def test_targets_that_a_song_does_not_tell_apart_are_validated_as_one(folder: Path) -> None:
    """Half of one to each of two that a song does not tell apart is as good as all of it."""
    made = task(folder, seed=1)
    references = made.validation[0].references.clone()
    references[1] = 0
    made.validation = [ValidationExcerpt(references, merged=(1, 2))]

    class Ideal(torch.nn.Module):
        def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
            spectra = made.transform.spectra(references).abs()  # (frame, target, channel, bin)
            shares = torch.stack([spectra[:, 0], spectra[:, 2] / 2, spectra[:, 2] / 2], 1)
            return (shares / shares.sum(1, keepdim=True))[:, None]

    figures = made.validate(Ideal())
    assert {name for name in figures if name.startswith("gain_")} == {"gain_vocals", "gain_other"}
    assert figures["gain_other"] == pytest.approx(figures["gain_vocals"], abs=0.5)  # two noises, as loud


def test_si_sdr_by_hand() -> None:
    """x = (1, 0), estimate (2, 1): 4 to 1, which is 6.02 dB, at any scale of the estimate."""
    x, y = torch.tensor([1.0, 0.0]), torch.tensor([2.0, 1.0])
    for scale in (1, 10):
        got = scale_invariant_sdr(x.reshape(2, 1, 1), scale * y.reshape(2, 1, 1))
        assert float(got) == pytest.approx(10 * np.log10(4), abs=1e-5)


def settings(folder: Path, **more: object) -> SeparationTraining:
    return SeparationTraining(data=(str(folder),), output=folder / "run", **more)  # type: ignore[arg-type]


def test_defaults_are_the_paper_s(tmp_path: Path) -> None:
    config = settings(tmp_path)
    assert (config.architecture, config.loop.learning_rate) == ("xumx", 0.001)
    assert (config.objective.multi_domain, config.objective.combine) == (True, True)
    assert config.targets == ("vocals", "drums", "bass", "other")


@pytest.mark.parametrize(
    ("given", "shape"), [({}, (256, 3)), ({"architecture": "bands"}, (64, 4)), ({"hidden": 8}, (8, 3))]
)
def test_each_kind_of_network_has_a_size_of_its_own(
    given: dict[str, object], shape: tuple[int, int], tmp_path: Path
) -> None:
    network = settings(tmp_path, **given).network
    assert (network.hidden, network.n_layers) == shape
    with pytest.raises(ConfigError, match="hidden"):
        settings(tmp_path, **{**given, "hidden": 0})


def test_a_run_of_no_steps_is_the_one_that_it_starts_from(folder: Path, tmp_path: Path) -> None:
    """What it leaves are the weights that were taken over, not those that it was built with."""
    other, made = task(folder, BANDS), task(folder, BANDS, seed=5)
    trainer = Trainer(made, tmp_path / "run", LoopConfig(steps=0))
    change_resolution(made.model, other.model)
    trainer.begin()
    trainer.run()
    left = restore_separation(tmp_path / "run" / "checkpoint.pt")[0].state_dict()
    assert all(torch.equal(value, left[name]) for name, value in other.model.state_dict().items())


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three songs of three tones at 44.1 kHz, the right channel at half level."""
    root, rate = tmp_path_factory.mktemp("tones"), 44100
    time_s = np.arange(3 * rate) / rate
    for i, song in enumerate(("a", "b", "c")):
        (root / song).mkdir()
        for j, stem in enumerate(TARGETS):
            audio = 0.2 * np.sin(2 * np.pi * (300 + 100 * i) * (1 + 2 * j) * time_s)
            soundfile.write(root / song / f"{stem}.wav", np.stack([audio, audio / 2], 1), rate, subtype="FLOAT")
    return root


PLAIN = SeparationObjective(batch=2, segment_s=0.5, mixed=False)
SNR = replace(PLAIN, snr=True, floor_db=-10.0, equalise_db=5.0)
FAR = StemMixConfig(width=1.0, wide=0.5, mono=0.1, speed=0.25)
FEW = LoopConfig(steps=10)
BAND = {"architecture": "bands", "stereo": "mid-side"}


# Measured with the code before the settings became one class: a change of these is a change of every training.
@pytest.mark.parametrize(
    ("given", "loss", "gain"),
    [
        ({"objective": PLAIN}, 14.152406692504883, 0.3647333376107434),
        ({"architecture": "umx", "objective": replace(PLAIN, multi_domain=False)}, 20.332653045654297, 0.9506472756731),
        (
            {**BAND, "objective": SNR, "mix": FAR, "loop": replace(FEW, learning_rate=6e-4, decay=0.7)},
            -5.2851715087890625,
            -0.4199338278866301,
        ),
    ],
    ids=["xumx", "umx", "bands"],
)
def test_ten_steps_give_the_same_numbers_as_ever(
    given: dict[str, object], loss: float, gain: float, tones: Path, tmp_path: Path
) -> None:
    small = {"targets": TARGETS, "size": "low-latency", "hidden": 8, "layers": 1, "device": "cpu", "seed": 3}
    where = {"data": (str(tones),), "validation": ("c",), "output": tmp_path}
    figures = train_separation(SeparationTraining(**{**small, **where, "loop": FEW, **given}))  # type: ignore[arg-type]
    first = json.loads((tmp_path / "curves.jsonl").read_text().splitlines()[0])
    assert (first["step"], first["train"]["loss"]) == (10, pytest.approx(loss, rel=TRAINED))
    assert figures["gain"] == pytest.approx(gain, rel=TRAINED)
    _, found = restore_separation(tmp_path / "checkpoint.pt")
    assert found.config["seed"] == 3 and found.config["objective"]["batch"] == 2


def test_a_run_begins_with_the_weights_of_another(tones: Path, tmp_path: Path) -> None:
    small = {"targets": TARGETS, "size": "low-latency", "hidden": 8, "layers": 1, "device": "cpu", "objective": PLAIN}
    where = {"data": (str(tones),), "loop": LoopConfig(steps=0), **BAND}
    for name, more in (("one", {}), ("two", {"seed": 1, "init_weights": tmp_path / "one" / "checkpoint.pt"})):
        train_separation(SeparationTraining(**{**small, **where, "output": tmp_path / name, **more}))  # type: ignore[arg-type]
    one, two = (restore_separation(tmp_path / name / "checkpoint.pt")[0].state_dict() for name in ("one", "two"))
    assert all(torch.equal(value, two[name]) for name, value in one.items())
