"""Imported networks as they separate: against the published `Separator`, and with targets missing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from engine.core.format import AudioFormat
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.separation.config import MaskNetworkConfig, WienerConfig
from engine.separation.mask_network_segments import open_separator
from models.separation.band_network import build_network
from models.separation.config import TARGETS, SeparationNetworkConfig
from models.separation.graph import export_separator
from models.separation.import_open_unmix import import_open_unmix, is_complete
from models.separation.network import OpenUnmix
from offline.evaluation.stems import separate_streaming
from offline.run import run
from tests.models.separation.test_network import SMALL, published, shaken
from tests.tolerances import EXPORT, FLOAT32

Array = np.ndarray
State = dict[str, torch.Tensor]
QUIET = 8000  # samples of silence before and after the sound, for what the recurrence remembers of the edges


def sound() -> Array:
    """Noise between two silences, (sample, 2)."""
    noise = 0.1 * np.random.default_rng(3).standard_normal((6000, 2))
    return np.pad(noise, ((QUIET, QUIET), (0, 0))).astype(np.float32)


def config_of(targets: Sequence[str], *, bidirectional: bool = False) -> SeparationNetworkConfig:
    return SeparationNetworkConfig(**SMALL, bidirectional=bidirectional, cross=False, targets=tuple(targets))


def states_of(config: SeparationNetworkConfig) -> dict[str, State]:
    """Random weights for each target, by the names of the published files."""
    bank = shaken(OpenUnmix(config))
    assert isinstance(bank, OpenUnmix)
    return {target: net.state_dict() for target, net in bank.nets.items()}


def imported(folder: Path, states: dict[str, State]) -> Path:
    """The network file that `import-weights` makes of them."""
    paths = [folder / f"{target}.pth" for target in states]
    for path, state in zip(paths, states.values(), strict=True):
        torch.save(state, path)
    bank = import_open_unmix(paths)
    file = folder / "network.onnx"
    export_separator(bank, file, licence="CC0-1.0", training="random weights", complete=is_complete(bank.config))
    return file


def masked(state: State, config: SeparationNetworkConfig, magnitude: torch.Tensor) -> torch.Tensor:
    """Magnitudes (frame, channel, bin) of a target by the formulas of the published network; no code of ours or theirs.

    Only the recurrence is torch's.
    """

    def dense(number: int, x: torch.Tensor) -> torch.Tensor:
        x = x @ state[f"fc{number}.weight"].T - state[f"bn{number}.running_mean"]
        x = x / torch.sqrt(state[f"bn{number}.running_var"] + 1e-5)
        return x * state[f"bn{number}.weight"] + state[f"bn{number}.bias"]

    width = config.hidden // 2 if config.bidirectional else config.hidden
    lstm = torch.nn.LSTM(config.hidden, width, config.n_layers, bidirectional=config.bidirectional)
    lstm.load_state_dict({n.removeprefix("lstm."): v for n, v in state.items() if n.startswith("lstm.")})
    x = (magnitude[..., : config.n_input_bins] + state["input_mean"]) * state["input_scale"]
    x = torch.tanh(dense(1, x.flatten(1)))
    x = torch.relu(dense(2, torch.cat([x, lstm(x[:, None])[0][:, 0]], 1)))
    x = dense(3, x).reshape(magnitude.shape)
    return torch.relu(x * state["output_scale"] + state["output_mean"]) * magnitude


def by_formula(states: dict[str, State], config: SeparationNetworkConfig, audio: Array) -> Array:
    """The published separation without a filter, (sample, target, channel): magnitudes with the mixture's phase."""
    window = torch.hann_window(config.n_fft)
    sizes = config.n_fft, config.hop
    mixture = torch.stft(torch.from_numpy(audio.T), *sizes, window=window, return_complex=True)  # (channel, bin, frame)
    stems = []
    with torch.no_grad():
        for state in states.values():
            estimate = masked(state, config, mixture.abs().permute(2, 0, 1)).permute(1, 2, 0)
            stem = torch.polar(estimate, mixture.angle())
            stems.append(torch.istft(stem, *sizes, window=window, length=len(audio)).numpy().T)
    return np.stack(stems, axis=1)


def by_package(states: dict[str, State], config: SeparationNetworkConfig, audio: Array) -> Array:
    """The same by `Separator` of the `openunmix` package, with its residual as the last stem."""
    nets = {}
    for target, state in states.items():
        nets[target] = published(config)
        nets[target].load_state_dict(state)
    sys.modules.setdefault("torchaudio", ModuleType("torchaudio"))  # the package needs it for files only
    model = pytest.importorskip("openunmix.model", reason="pip install --no-deps openunmix: the peer is not here")
    separator = model.Separator(nets, niter=0, residual=True, n_fft=config.n_fft, n_hop=config.hop).eval()
    with torch.no_grad():
        return separator(torch.from_numpy(audio.T)[None])[0].permute(2, 0, 1).numpy()


def separated(file: Path, audio: Array, **settings: object) -> tuple[tuple[str, ...], Array]:
    node = open_separator(MaskNetworkConfig(model=file, **settings), n_channels=2)  # type: ignore[arg-type]
    return node.targets, separate_streaming(node, audio)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("peer", [by_formula, by_package])
def test_with_all_targets_the_shares_are_as_published(peer, bidirectional: bool, tmp_path: Path) -> None:
    """Mask times mixture; what the masks leave over is shared out, since here it is no stem."""
    config, audio = config_of(TARGETS, bidirectional=bidirectional), sound()
    states = states_of(config)
    expected = peer(states, config, audio)[:, : len(TARGETS)]
    targets, stems = separated(imported(tmp_path, states), audio)
    assert targets == TARGETS
    left = audio - expected.sum(axis=1)
    assert left.std() > 0.1 * audio.std()  # the masks do leave something over
    wanted = expected + left[:, None] / len(TARGETS)
    assert np.abs(stems - wanted).max() <= EXPORT * audio.std()


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("names", [("vocals",), ("drums", "other"), ("vocals", "drums", "bass")])
@pytest.mark.parametrize("peer", [by_formula, by_package])
def test_what_a_network_lacks_is_the_rest(peer, names: tuple[str, ...], bidirectional: bool, tmp_path: Path) -> None:
    config, audio = config_of(names, bidirectional=bidirectional), sound()
    states = states_of(config)
    expected = peer(states, config, audio)
    if expected.shape[1] == len(names):
        expected = np.concatenate([expected, audio[:, None] - expected.sum(axis=1, keepdims=True)], axis=1)
    targets, stems = separated(imported(tmp_path, states), audio)
    assert targets == (*names, "rest")
    assert np.abs(stems - expected).max() <= EXPORT * audio.std()
    assert np.abs(stems.sum(axis=1) - audio).max() <= 10 * FLOAT32 * audio.std()


@pytest.mark.parametrize("rate", [44100, 48000])
@pytest.mark.parametrize("wiener", [None, WienerConfig()])
def test_the_rest_is_a_stem_live_too(wiener: WienerConfig | None, rate: int, tmp_path: Path) -> None:
    """Through the pipeline, filtered and resampled: the stems sum to the input, and no stem is the input."""
    model = imported(tmp_path, states_of(config_of(["vocals"])))
    settings = PipelineConfig(separate=MaskNetworkConfig(model=model, wiener=wiener))
    pipeline = Stems(AudioFormat(sample_rate=rate, n_channels=2), settings)
    assert pipeline.targets == ("vocals", "rest")
    audio = sound()
    stems = run(pipeline, audio, block=500)
    assert np.abs(stems.sum(axis=1) - audio).max() <= 10 * FLOAT32 * audio.std()
    assert np.abs(stems - audio[:, None]).std(axis=(0, 2)).min() > 0.05 * audio.std()


class Stems(Pipeline):
    """A pipeline of which only the stems are looked at."""

    def process(self, block: Array) -> Array:  # type: ignore[override]
        return super().process(block).stems


@pytest.mark.parametrize(
    ("names", "rest", "expected"),
    [
        (TARGETS, "lacking", TARGETS),
        (TARGETS, "always", (*TARGETS, "rest")),
        (("vocals",), "never", ("vocals",)),
        (("vocals", "rest"), "always", ("vocals", "rest")),
        (("vocals", "drums", "other"), "lacking", ("vocals", "drums", "other", "rest")),
    ],
)
def test_when_the_rest_is_a_stem(names: tuple[str, ...], rest: str, expected: tuple[str, ...], tmp_path: Path) -> None:
    model = imported(tmp_path, states_of(config_of(names)))
    assert open_separator(MaskNetworkConfig(model=model, rest=rest), n_channels=1).targets == expected


@pytest.mark.parametrize(
    ("settings", "lacks"),
    [
        ({"targets": ("vocals", "drums")}, True),
        ({"targets": ("vocals", "drums", "other")}, False),
        ({"targets": ("vocals", "drums"), "network": "bands"}, False),
    ],
)
def test_networks_trained_here_know_whether_they_lack_targets(settings: dict, lacks: bool, tmp_path: Path) -> None:
    config = SeparationNetworkConfig(**{**SMALL, "cross": False, **settings})
    export_separator(build_network(config), tmp_path / "net.onnx", licence="CC0-1.0", training="random weights")
    node = open_separator(MaskNetworkConfig(model=tmp_path / "net.onnx"), n_channels=2)
    assert (node.targets[-1] == "rest") is lacks
