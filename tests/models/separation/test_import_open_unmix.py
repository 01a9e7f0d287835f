"""Weights of others: files as their own classes save them, and files that mean harm or are cut short."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from engine.core.errors import EngineError, ModelError
from models.separation.config import SeparationNetworkConfig
from models.separation.import_open_unmix import CROSSED, SCALERS, import_open_unmix, target_of
from models.separation.network import OpenUnmix
from tests.models.separation.test_network import SMALL, magnitudes, published, shaken
from tests.tolerances import FLOAT32

TARGETS = ("vocals", "drums", "other")
BOTH_WAYS = SeparationNetworkConfig(**SMALL, bidirectional=True, cross=False, targets=TARGETS)


def umx_files(folder: Path, config: SeparationNetworkConfig = BOTH_WAYS) -> tuple[list[Path], list[torch.nn.Module]]:
    """As the trainer of the `openunmix` package saves them, a file a target."""
    peers = [shaken(published(config)) for _ in config.targets]
    paths = [folder / f"{target}-0123abcd.pth" for target in config.targets]
    for path, peer in zip(paths, peers, strict=True):
        window = {"stft.window": torch.ones(8), "sample_rate": torch.tensor([44100])}  # as in files of old versions
        torch.save({**peer.state_dict(), **window}, path)
    return paths, peers


def xumx_file(folder: Path, config: SeparationNetworkConfig) -> tuple[Path, OpenUnmix]:
    """In the layout of asteroid's X-UMX, written out here: the package itself needs another torch."""
    bank = shaken(OpenUnmix(config))
    state = {"encoder.0.window": torch.ones(8)}
    for target, net in bank.nets.items():
        for name, value in net.state_dict().items():
            part = name.partition(".")[0] + "."
            theirs = next((k.format(target) for k, ours in CROSSED.items() if ours == part), None)
            key = f"mean_scale.{name}_{target}" if name in SCALERS else f"{theirs}{name.removeprefix(part)}"
            state[key] = value
    path = folder / "pytorch_model.bin"
    torch.save({"model_name": "XUMX", "state_dict": state, "model_args": {"n_hop": 64}}, path)
    return path, bank


@pytest.mark.parametrize("bidirectional", [False, True])
def test_files_of_the_published_classes(bidirectional: bool, tmp_path: Path) -> None:
    config = SeparationNetworkConfig(**{**BOTH_WAYS.as_dict(), "targets": TARGETS, "bidirectional": bidirectional})
    paths, peers = umx_files(tmp_path, config)
    bank = import_open_unmix(paths)
    assert bank.config.targets == TARGETS
    assert (bank.config.n_fft, bank.config.hop, bank.config.hidden) == (256, 64, 12)
    assert bank.config.n_input_bins == config.n_input_bins
    assert bank.config.bidirectional is bidirectional and bank.config.cross is False
    given = magnitudes(config)
    with torch.no_grad():
        masks = bank(given)
        for index, peer in enumerate(peers):
            expected = peer(given.permute(1, 2, 3, 0)).permute(3, 0, 1, 2)
            assert (masks[:, :, index] * given - expected).abs().max() <= FLOAT32 * expected.std()


def test_a_file_of_x_umx(tmp_path: Path) -> None:
    config = SeparationNetworkConfig(**SMALL, bidirectional=True, targets=TARGETS)
    path, theirs = xumx_file(tmp_path, config)
    bank = import_open_unmix([path])
    assert bank.config.cross and bank.config.targets == TARGETS
    given = magnitudes(config)
    with torch.no_grad():
        torch.testing.assert_close(bank(given), theirs(given), atol=FLOAT32, rtol=0)


def test_targets_by_name() -> None:
    assert [target_of(Path(n)) for n in ("vocals.pth", "drums-9619578f.pth", "speech_f5e0d9f9.pth")] == [
        "vocals",
        "drums",
        "speech",
    ]


def complaint(paths: list[Path]) -> str:
    with pytest.raises(EngineError) as caught:
        import_open_unmix(paths)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 600
    return text


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return eval, ("1/0",)


def test_harmful_and_truncated_files_are_one_line(tmp_path: Path) -> None:
    (good, *others), _ = umx_files(tmp_path)
    bad = tmp_path / "vocals.pth"
    for content in (b"", b"nothing", good.read_bytes()[:-300], good.read_bytes()[:2000], pickle.dumps(Evil())):
        bad.write_bytes(content)
        assert str(bad) in complaint([bad, *others])
    torch.save([1, 2], bad)
    assert "a state dict, got list" in complaint([bad])
    assert "expected" in complaint([tmp_path / "none.pth"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fc3.weight": torch.zeros(3, 3)}, "fc3.weight of shape"),
        ({"bn2.bias": None}, "bn2.bias"),
        ({"lstm.weight_ih_l7": torch.zeros(48, 12)}, "lstm"),
        ({"surprise": torch.zeros(1)}, "surprise"),
        ({"input_mean": None}, "input_mean"),
        ({"input_mean": torch.zeros(0)}, "inputs for every channel"),
        ({"fc1.weight": torch.full((12, 186), torch.nan)}, "NaN"),
        ({"output_mean": torch.zeros(1).expand(1 << 40)}, "values"),
        ({"output_mean": torch.zeros(60_001)}, "bandwidth_hz"),
        ({"fc1.weight": "text"}, "fc1.weight"),
    ],
)
def test_wrong_tensors_are_one_line(change: dict[str, object], said: str, tmp_path: Path) -> None:
    (good, *_), _ = umx_files(tmp_path)
    state = {**torch.load(good, weights_only=True), **change}
    torch.save({name: value for name, value in state.items() if value is not None}, good)
    assert said in complaint([good])


def test_targets_must_agree(tmp_path: Path) -> None:
    paths, _ = umx_files(tmp_path)
    larger = SeparationNetworkConfig(**{**SMALL, "hidden": 14}, bidirectional=True, cross=False, targets=("drums",))
    umx_files(tmp_path, larger)
    assert "one size" in complaint(paths)
    (tmp_path / "vocals.pth").write_bytes(paths[0].read_bytes())
    assert "two of one name" in complaint([paths[0], tmp_path / "vocals.pth"])
    crossed, _ = xumx_file(tmp_path, SeparationNetworkConfig(**SMALL, bidirectional=True, targets=TARGETS))
    assert "one X-UMX file" in complaint([crossed, paths[0]])
    with pytest.raises(ModelError, match="expected"):
        import_open_unmix([crossed, crossed.with_name("no.pth")])
