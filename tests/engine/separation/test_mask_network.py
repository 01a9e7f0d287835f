"""The live node against the network it came from, at every block size, over hours, and with unfit files."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.core.errors import ConfigError, ModelError
from engine.core.processor import Chain
from engine.dsp.stft import Istft, Stft
from engine.separation.config import MaskNetworkConfig
from engine.separation.mask_network import StreamingSeparator
from engine.separation.mask_network_segments import SegmentedSeparator, open_separator
from models.export import check_graph, export_graph
from models.separation.config import SEPARATOR_SIZES
from models.separation.graph import separation_graph
from offline.run import run
from tests.networks.separation import small_file, small_model
from tests.tolerances import EXPORT, FLOAT32


def node(n_channels: int = 2, *, sharing: str = "equal", **settings: object) -> StreamingSeparator:
    return StreamingSeparator(MaskNetworkConfig(model=small_file(**settings), sharing=sharing), n_channels=n_channels)


def spectra(n_frames: int = 40, n_channels: int = 2, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = (n_frames, n_channels, 129)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


def expected_stems(given: np.ndarray, *, sharing: str, **settings: object) -> np.ndarray:
    """The whole sequence through the unfolded torch network, and the sharing written out in numpy."""
    with torch.no_grad():
        masks = small_model(**settings)(torch.from_numpy(np.abs(given))[:, None])[:, 0].double().numpy()
    total = masks.sum(axis=1, keepdims=True)
    shared = masks / total if sharing == "ratio" else masks + (1 - total) / masks.shape[1]
    return shared * given[:, None]


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("sharing", ["ratio", "equal"])
@pytest.mark.parametrize("block", [1, 2, 7, 40])
def test_blocks_equal_the_whole_sequence_in_torch(cross: bool, sharing: str, block: int) -> None:
    given = spectra()
    live = node(sharing=sharing, cross=cross)
    got = np.concatenate([live.process(given[i : i + block]).copy() for i in range(0, len(given), block)])
    expected = expected_stems(given, sharing=sharing, cross=cross)
    assert np.abs(got - expected).max() <= EXPORT * expected.std()


@pytest.mark.parametrize("network", ["open-unmix", "bands"])
def test_the_exported_frame_equals_torch(network: str) -> None:
    graph, file = separation_graph(small_model(network=network)), small_file(network=network)
    magnitude = torch.from_numpy(np.abs(spectra()))
    assert check_graph(graph, file, magnitude, block=1, kind="unmix") <= EXPORT


# dB; random weights of 12 units, so coarse steps, and 4 bits have 16 times the step of 8
@pytest.mark.parametrize(
    ("settings", "least_db"),
    [({"bits": 8}, 25), ({"bits": 4}, 15), ({"bits": 4, "cross": False}, 15), ({"bits": 8, "network": "bands"}, 25)],
    ids=str,
)
def test_few_bits_stay_close(settings: dict[str, object], least_db: float) -> None:
    given = spectra(200)
    exact, coarse = (node(**(settings | {"bits": bits})).process(given) for bits in (32, settings["bits"]))
    error = np.abs(coarse - exact)
    assert 20 * np.log10(exact.std() / error.std()) > least_db
    assert error[100:].std() < 2 * error[:100].std()  # the carried state does not let it grow


def test_mono_is_the_mean_of_the_channels() -> None:
    given = spectra(n_channels=1)
    both = expected_stems(np.repeat(given, 2, axis=1), sharing="equal")
    got = node(1, sharing="equal").process(given)
    assert np.abs(got - both.mean(axis=2, keepdims=True)).max() <= EXPORT * both.std()


@pytest.mark.parametrize("sharing", ["ratio", "equal"])
@pytest.mark.parametrize("block", [1, 7, 40])
def test_masks_of_mid_and_side_are_applied_there(sharing: str, block: int) -> None:
    settings, given = {"network": "bands", "stereo": "mid-side"}, spectra()
    live = node(sharing=sharing, **settings)
    got = np.concatenate([live.process(given[i : i + block]).copy() for i in range(0, len(given), block)])
    expected = mid_side_stems(given, **settings)
    assert np.abs(got - expected).max() <= EXPORT * expected.std()


def test_one_channel_has_no_side() -> None:
    settings, given = {"network": "bands", "stereo": "mid-side"}, spectra(n_channels=1)
    both = mid_side_stems(np.repeat(given, 2, axis=1), **settings)
    assert np.abs(node(1, **settings).process(given) - both[:, :, :1]).max() <= EXPORT * both.std()


def mid_side_stems(given: np.ndarray, **settings: object) -> np.ndarray:
    """By the network in torch, whose masks add up to one already, and both turns written out in numpy."""
    turn = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    wide = np.einsum("cd,tdk->tck", turn, given)
    rows = np.abs(np.concatenate([wide, given], axis=1)).astype(np.float32)
    with torch.no_grad():
        masks = small_model(**settings)(torch.from_numpy(rows)[:, None])[:, 0].double().numpy()
    return np.einsum("cd,tndk->tnck", turn, masks * wide[:, None])


def test_stems_sum_to_the_sound() -> None:
    """Through the transforms as well: a recording comes back as the sum of its stems."""
    live = node()
    chain = Chain(
        Stft(live.frames, window=live.window),
        live,
        Istft(live.frames, window=live.window, n_targets=len(live.targets)),
    )
    assert chain.latency == 256 - 64
    audio = np.random.default_rng(0).standard_normal((5000, 2)).astype(np.float32)
    stems = run(chain, audio)
    assert stems.shape == (5000, 4, 2)
    assert np.abs(stems.sum(axis=1) - audio).max() <= FLOAT32 * 10 * audio.std()


@pytest.mark.parametrize(("size", "latency"), [("standard", 3072), ("low-latency", 512)])
def test_each_size_declares_its_latency(size: str, latency: int) -> None:
    live = node(**SEPARATOR_SIZES[size])
    chain = Chain(Stft(live.frames, window=live.window), live, Istft(live.frames, window=live.window, n_targets=4))
    assert chain.latency == latency
    audio = np.random.default_rng(0).standard_normal((8000, 2)).astype(np.float32)
    assert np.abs(run(chain, audio).sum(axis=1) - audio).max() <= FLOAT32 * 10 * audio.std()


def test_state_stays_sound_through_hours_of_anything() -> None:
    """After long silence, full scale and absurd input it soon answers as if newly started."""
    live, fresh = node(), node()
    for level in (0.0, 1e3, 1e9, 1e-30):
        for seed in range(2):
            live.process(spectra(1500, seed=seed) * np.float32(level))
    after = spectra(400, seed=9)
    got, expected = live.process(after)[300:], fresh.process(after)[300:]
    assert np.abs(got - expected).max() <= 0.01 * expected.std()


def test_silence_gives_silence() -> None:
    assert not node().process(np.zeros((10, 2, 129), np.complex64)).any()


def test_refuses_other_channel_counts() -> None:
    with pytest.raises(ConfigError, match="n_channels: expected 1 or 2, got 3"):
        node(3)
    with pytest.raises(ConfigError, match="sharing"):
        MaskNetworkConfig(model=small_file(), sharing="half")


def test_a_bank_that_hears_the_future_is_not_run_live() -> None:
    with pytest.raises(ModelError, match="a network of one direction"):
        node(bidirectional=True)
    with pytest.raises(ModelError, match="a network of two directions"):
        SegmentedSeparator(MaskNetworkConfig(model=small_file()), n_channels=2)


@pytest.mark.parametrize("cross", [False, True])
def test_segments_answer_as_the_whole_does(cross: bool) -> None:
    """Exactly where one segment holds all; elsewhere as near as what lies beyond the margin matters."""
    given = spectra(300)
    settings = {"bidirectional": True, "cross": cross}
    expected = expected_stems(given, sharing="equal", **settings)
    for segment, margin, tolerance in ((300, 0, EXPORT), (64, 32, 0.02)):
        config = MaskNetworkConfig(model=small_file(**settings), segment=segment, margin=margin)
        live = open_separator(config, n_channels=2)
        assert isinstance(live, SegmentedSeparator)
        late = live.latency // live.frames.hop
        padded = np.concatenate([given, np.zeros((late, *given.shape[1:]), np.complex64)])
        got = np.concatenate([live.process(padded[i : i + 50]).copy() for i in range(0, len(padded), 50)])[late:]
        seen = slice(0, 250)  # behind the end the padding is heard
        assert np.abs(got[seen] - expected[seen]).max() <= tolerance * expected.std()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"kind": "crnn"}, "kind unmix"),
        ({"sample_rate": "44100"}, "sample_rate"),
        ({"n_fft": 512}, "inputs"),
        ({"hop": 0}, "hop"),
        ({"n_channels": True}, "n_channels"),
        ({"targets": ["../../etc", "drums", "bass", "other"]}, "plain target names"),
        ({"targets": ["drums", "drums", "bass", "other"]}, "plain target names"),
        ({"targets": ["vocals", "drums"]}, "masks"),
        ({"feature": "power"}, "feature magnitude"),
        ({"stereo": "surround"}, "mid-side of two channels"),
        ({"stereo": "mid-side", "n_channels": 1}, "mid-side of two channels"),
        ({"stereo": "mid-side"}, "inputs"),
        ({"complete": "perhaps"}, "complete: true or false"),
    ],
)
def test_metadata_that_does_not_fit_is_one_line(change: dict[str, object], complaint: str, tmp_path) -> None:
    good = node().network.metadata
    path = tmp_path / "changed.onnx"
    export_graph(separation_graph(small_model()), path, {**good, **change})
    with pytest.raises(ModelError, match=complaint) as caught:
        StreamingSeparator(MaskNetworkConfig(model=path), n_channels=2)
    assert "\n" not in str(caught.value)
