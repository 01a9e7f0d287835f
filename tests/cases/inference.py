"""Cases of the nodes around networks: stems of a tiny random bank, which sum to what went in."""

from __future__ import annotations

import numpy as np

from engine.separation.config import MaskNetworkConfig
from engine.separation.mask_network import StreamingSeparator
from engine.separation.mask_network_segments import SegmentedSeparator
from tests.contract import Case, delayed
from tests.networks.separation import blended_file, small_file
from tests.tolerances import SHARED


def _spectra(n_channels: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    shape = (120, n_channels, 129)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


def sum_of_stems(output: np.ndarray, spectra: np.ndarray, latency: int) -> float:
    wanted = np.where(np.isfinite(spectra), spectra, 0)
    return delayed(output.sum(axis=1), wanted, latency)


def late_sum_of_stems(output: np.ndarray, spectra: np.ndarray, latency: int) -> float:
    """Of a node that counts its latency in samples, of frames with a hop of 64."""
    if latency % 64:
        return np.inf
    return sum_of_stems(output, spectra, latency // 64)


def whole(n_channels: int, level: float = 0.0) -> SegmentedSeparator:
    config = MaskNetworkConfig(model=small_file(bidirectional=True, level=level), segment=24, margin=8)
    return SegmentedSeparator(config, n_channels=n_channels)


SIZES = (0, 1, 2, 3, 16, 100)

CASES = [
    Case(
        f"unmix {name}",
        lambda more=more, n=n_channels: StreamingSeparator(MaskNetworkConfig(model=small_file(**more)), n_channels=n),
        _spectra(n_channels),
        sum_of_stems,
        tolerance=SHARED,
        sizes=SIZES,
    )
    for name, n_channels, more in [
        ("stereo", 2, {}),
        ("stereo int8", 2, {"bits": 8}),
        ("stereo int4", 2, {"bits": 4}),
        ("mono", 1, {}),
        ("with a level", 2, {"level": 0.05}),
        ("of bands", 2, {"network": "bands"}),
        ("of bands int8", 2, {"network": "bands", "bits": 8}),
        ("of mid and side", 2, {"network": "bands", "stereo": "mid-side"}),
        ("of mid and side, mono", 1, {"network": "bands", "stereo": "mid-side", "level": 0.05}),
    ]
]
CASES += [
    Case(
        f"unmix of a blend {name}",
        lambda n=n: StreamingSeparator(MaskNetworkConfig(model=blended_file()), n_channels=n),
        _spectra(n),
        sum_of_stems,
        tolerance=SHARED,
        sizes=SIZES,
    )
    for name, n in [("stereo", 2), ("mono", 1)]
]
CASES += [
    Case(
        f"unmix of two directions {name}",
        lambda n=n, v=level: whole(n, v),
        _spectra(n),
        late_sum_of_stems,
        tolerance=SHARED,
        sizes=SIZES,
    )
    for name, n, level in [("stereo", 2, 0.0), ("mono", 1, 0.0), ("with a level", 2, 0.05)]
]
