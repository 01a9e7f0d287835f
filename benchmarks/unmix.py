"""Networks that separate, block by block: ours beside torch with the `openunmix` package doing the same work.

    python -m benchmarks.unmix

Random weights of the published shape, four targets: how long a hop takes does not depend on what they have learnt.
And what ships, as it is.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.rows import Row
from engine.core.format import AudioFormat
from engine.inference.network import Network
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.separation.config import MaskNetworkConfig, WienerConfig
from models.separation.config import SEPARATOR_SIZES, SeparationNetworkConfig
from models.separation.graph import FEW_BITS, export_separator
from models.separation.network import OpenUnmix
from models.weight_bits import FLOAT_BITS, WEIGHT_BITS
from offline.separation.presets import unmix_config

sys.modules.setdefault("torchaudio", ModuleType("torchaudio"))  # openunmix needs it for reading files only
try:
    from openunmix.model import OpenUnmix as PublishedOpenUnmix
except ImportError:  # then our own networks in torch are the peer: the same work
    PublishedOpenUnmix = None

__all__ = ["rows"]

RATE, HOP_MS = 44100, 1000 * 1024 / 44100
REPEATS, SLOW_REPEATS, CHAIN_S, PEER_CHAIN_S = 400, 30, 20, 1
SIZES_HIDDEN = (256, 512)
PEER = f"{'openunmix 1.3' if PublishedOpenUnmix else 'the same networks'} in torch {torch.__version__}"


def rows() -> Iterator[Row]:
    """All rows of this section."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        for hidden in SIZES_HIDDEN:
            yield from _network(Path(place), hidden)
        yield from _chain(Path(place), 256)
        yield _low_latency(Path(place))
    for name in ("unmix", "unmix-heavy", "unmix-low-latency"):
        yield _shipped(name)


def _bank(hidden: int, **settings: object) -> OpenUnmix:
    torch.manual_seed(0)
    return OpenUnmix(SeparationNetworkConfig(hidden=hidden, cross=False, **settings)).eval()  # type: ignore[arg-type]


def _file(place: Path, bank: OpenUnmix, bits: int = FEW_BITS) -> Path:
    config = bank.config
    path = place / f"{config.hidden}-{config.n_fft}-{bits}.onnx"
    if not path.exists():
        export_separator(bank, path, licence="CC0-1.0", training="random weights", bits=bits)
    return path


class Peer:
    """The published networks, one a target, one frame at a time with the LSTMs' state carried."""

    def __init__(self, bank: OpenUnmix) -> None:
        config = bank.config
        self.bank, self.state = bank, None
        self.nets = []
        for net in bank.nets.values() if PublishedOpenUnmix else ():
            peer = PublishedOpenUnmix(
                config.n_bins, config.n_channels, config.hidden, config.n_layers, True, max_bin=config.n_input_bins
            )
            peer.load_state_dict(net.state_dict())
            self.nets.append(peer.eval())
        self.states: list[object] = [None] * len(self.nets)

    def step(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Masks (target, channel, bin) of one frame (channel, bin): `OpenUnmix.forward` written out with its state."""
        if not self.nets:
            with torch.inference_mode():
                whole, self.state = self.bank.stream(magnitude[None, None], self.state)
            return whole[0, 0]
        masks = []
        with torch.inference_mode():
            for i, net in enumerate(self.nets):
                x = (magnitude[:, : net.nb_bins] + net.input_mean) * net.input_scale
                x = torch.tanh(net.bn1(net.fc1(x.reshape(1, -1))))
                out, self.states[i] = net.lstm(x[None], self.states[i])
                x = torch.relu(net.bn2(net.fc2(torch.cat([x, out[0]], -1))))
                x = net.bn3(net.fc3(x)).reshape(magnitude.shape[0], net.nb_output_bins)
                masks.append(torch.relu(x * net.output_scale + net.output_mean))
        return torch.stack(masks)


def _median_ms(work: Callable[[int], object], repeats: int) -> float:
    """Milliseconds of CPU of this thread, the median of so many calls."""
    times = []
    for k in range(repeats + 5):
        begin = time.thread_time()
        work(k)
        times.append(time.thread_time() - begin)
    return 1000 * float(np.median(times[5:]))


def _network(place: Path, hidden: int) -> Iterator[Row]:
    """One hop of the networks alone."""
    bank = _bank(hidden)
    config = bank.config
    given = torch.rand(64, config.n_channels, config.n_bins, generator=torch.Generator().manual_seed(0))
    frames = given.numpy()
    peer, exact = Peer(bank), Network(_file(place, bank, FLOAT_BITS), "unmix")
    expected = torch.stack([peer.step(frame) for frame in given]).numpy()
    peer_ms = _median_ms(lambda k: peer.step(given[k % 64]), SLOW_REPEATS)
    for bits, precision in sorted(WEIGHT_BITS.items()):
        network = Network(_file(place, bank, bits), "unmix")
        got = np.concatenate([network.run({"magnitude": frames[t : t + 1]})["mask"] for t in range(64)])
        ours_ms = _median_ms(lambda k, net=network: net.run({"magnitude": frames[k % 64][None]}), REPEATS)
        plain = np.concatenate([exact.run({"magnitude": frames[t : t + 1]})["mask"] for t in range(64)])
        exact.reset()
        snr_db = 10 * np.log10(np.sum(plain**2) / max(np.sum((got - plain) ** 2), 1e-30))
        error = np.abs(got - expected).max() / expected.std()
        nearness = f"; {snr_db:.0f} dB of fp32" if bits < FLOAT_BITS else ""
        agreement = f"masks off by {error:.1g} of their spread{nearness}"
        yield Row(
            what=f"one hop of 1024, four targets, hidden {hidden}, {precision}: the networks",
            ours=f"{ours_ms:.2f} ms, {100 * ours_ms / HOP_MS:.1f} % of the hop",
            peer=f"{peer_ms:.1f} ms, {PEER}, state carried",
            ratio=f"{peer_ms / ours_ms:.0f}",
            agreement=agreement,
        )


def _chain(place: Path, hidden: int) -> Iterator[Row]:
    """The whole way of a sample: transform, networks, filter, transform back, in blocks of 512."""
    bank = _bank(hidden)
    config = MaskNetworkConfig(model=_file(place, bank))
    peer = _peer_chain(bank)
    for name, wiener in (("", None), (", with the Wiener filter", WienerConfig())):
        ours, error = _stream(replace(config, wiener=wiener))
        yield Row(
            what=f"whole live chain, four targets, hidden {hidden}, {WEIGHT_BITS[FEW_BITS]}{name}",
            ours=f"{100 * ours:.1f} % of a core",
            peer=f"{100 * peer:.0f} %, {PEER}, block by block, no Wiener filter",
            ratio=f"{peer / ours:.0f}",
            agreement=f"sum of the stems off by {error:.1g}",
        )


def _stream(config: MaskNetworkConfig) -> tuple[float, float]:
    """CPU seconds a second of sound, and how far the stems' sum is from the input."""
    pipeline = Pipeline(AudioFormat(sample_rate=RATE, n_channels=2), PipelineConfig(separate=config))
    audio = (0.1 * np.random.default_rng(0).standard_normal((CHAIN_S * RATE, 2))).astype(np.float32)
    for start in range(0, RATE, 512):
        pipeline.process(audio[start : start + 512])
    pipeline.reset()
    parts, begin = [], time.thread_time()
    for start in range(0, len(audio), 512):
        parts.append(pipeline.process(audio[start : start + 512]).stems.sum(axis=1))
    cost = (time.thread_time() - begin) / CHAIN_S
    late = np.concatenate(parts)[pipeline.latency :]
    return cost, float(np.abs(late - audio[: len(late)]).max())


def _peer_chain(bank: OpenUnmix) -> float:
    """The same in torch: CPU seconds a second of sound."""
    config, peer = bank.config, Peer(bank)
    window = torch.hann_window(config.n_fft)
    audio = 0.1 * torch.randn(2, PEER_CHAIN_S * RATE + config.n_fft, generator=torch.Generator().manual_seed(0))
    overlap = torch.zeros(len(config.targets), 2, config.n_fft)
    out: list[npt.NDArray[np.float32]] = []

    def hop(k: int) -> None:
        start = k * config.hop % (PEER_CHAIN_S * RATE)
        spectrum = torch.fft.rfft(audio[:, start : start + config.n_fft] * window)
        stems = torch.fft.irfft(peer.step(spectrum.abs()) * spectrum) * window / 1.5
        overlap.add_(stems)
        out[:] = [overlap[..., : config.hop].numpy().copy()]
        overlap.copy_(torch.nn.functional.pad(overlap[..., config.hop :], (0, config.hop)))

    return _median_ms(hop, SLOW_REPEATS) / HOP_MS


def _shipped(name: str) -> Row:
    config = unmix_config(name)
    cost, error = _stream(config)
    return Row(
        what=f"whole live chain, weights that ship, {name}",
        ours=f"{100 * cost:.1f} % of a core",
        peer="",
        ratio="",
        agreement=f"sum of the stems off by {error:.1g}",
    )


def _low_latency(place: Path) -> Row:
    bank = _bank(256, **SEPARATOR_SIZES["low-latency"])
    cost, error = _stream(MaskNetworkConfig(model=_file(place, bank)))
    return Row(
        what=f"whole live chain, low latency (1024/512: 12 ms behind the input), hidden 256, {WEIGHT_BITS[FEW_BITS]}",
        ours=f"{100 * cost:.1f} % of a core",
        peer="",
        ratio="",
        agreement=f"sum of the stems off by {error:.1g}",
    )


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
