"""A finished network taught a bass: what it knew stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.core.errors import ConfigError, ModelError
from models.separation.band_network import BandNetwork
from models.separation.config import SeparationNetworkConfig
from models.separation.graph import export_separator
from offline.training.common.config import LoopConfig
from offline.training.separation.config import SeparationFinetuning, SeparationObjective, StemMixConfig
from offline.training.separation.finetune import finetune_separation
from offline.training.separation.train import restore_separation
from tests.songs import RATE, write_songs
from tests.tolerances import FLOAT32

SONGS = {name: {"vocals": 400, "drums": 1300, "bass": 120, "other": 280} for name in ("a", "b")}
KNOWN = SeparationNetworkConfig(
    network="bands", targets=("vocals", "drums", "other"), sample_rate=RATE, n_fft=256, hop=64, hidden=8, n_layers=1,
    bandwidth_hz=4000, cross=False,
)  # fmt: skip
GROUPS = 1


@pytest.fixture
def known(tmp_path: Path) -> tuple[BandNetwork, Path]:
    torch.manual_seed(0)
    network, path = BandNetwork(KNOWN).eval(), tmp_path / "known.onnx"
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.1 * torch.randn_like(value))
    export_separator(network, path, licence="MIT", training="none")
    return network, path


def settings(folder: Path, start: Path, **more: object) -> SeparationFinetuning:
    given = {
        "loop": LoopConfig(until=60, weight_decay=0, learning_rate=0.03, warmup=1, average=0.0),
        "objective": SeparationObjective(snr=True, batch=4, segment_s=0.3),
        "mix": StemMixConfig(active=1, coherent=1),
        "pool": 12,
        "groups": GROUPS,
        **more,
    }
    return SeparationFinetuning(
        data=(str(folder),),
        validation=("b",),
        output=folder / "run",
        init_weights=start,
        **given,  # type: ignore[arg-type]
    )


def test_a_bass_is_learnt_and_the_rest_stays(tmp_path: Path, known: tuple[BandNetwork, Path]) -> None:
    before, start = known
    folder = write_songs(tmp_path / "songs", SONGS)
    untaught = finetune_separation(settings(folder, start, loop=LoopConfig(steps=0, weight_decay=0)))
    taught = finetune_separation(settings(folder, start))
    assert taught["gain_bass"] > untaught["gain_bass"] + 3
    after, _ = restore_separation(folder / "run" / "checkpoint.pt")
    magnitude = torch.rand(9, 1, 2, KNOWN.n_bins)
    with torch.no_grad():
        old, new = before(magnitude), after(magnitude)
    together = new[:, :, 2:].sum(2)  # bass and other
    torch.testing.assert_close(together, old[:, :, 2], atol=FLOAT32, rtol=0)
    torch.testing.assert_close(new[:, :, :2], old[:, :, :2], atol=FLOAT32, rtol=0)
    assert isinstance(after, BandNetwork)
    rows = after.outer[0].weight.unflatten(-1, (4, -1))[..., :2, :]
    torch.testing.assert_close(rows, before.outer[0].weight.unflatten(-1, (3, -1))[..., :2, :], atol=FLOAT32, rtol=0)
    torch.testing.assert_close(
        after.blocks[0].lstm.weight_hh_l0, before.blocks[0].lstm.weight_hh_l0, atol=FLOAT32, rtol=0
    )


def test_what_cannot_be_taught_is_refused(tmp_path: Path, known: tuple[BandNetwork, Path]) -> None:
    folder = write_songs(tmp_path / "songs", SONGS)
    with pytest.raises(ModelError, match="a network of bands for some of"):
        finetune_separation(settings(folder, known[1], targets=("vocals", "drums", "other")))
    with pytest.raises(ConfigError, match="snr"):
        settings(folder, known[1], objective=SeparationObjective())
    with pytest.raises(ConfigError, match="what does not learn stays"):
        settings(folder, known[1], loop=LoopConfig(weight_decay=1e-5))
