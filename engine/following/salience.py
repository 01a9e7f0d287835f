"""Estimate which pitches sound: audio to pitch salience, by a network on the harmonic constant-Q transform.

Bittner et al., "Deep salience representations for F0 estimation in polyphonic music" (ISMIR 2017).
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, plain, ranged
from engine.core.errors import ConfigError, EngineError, ModelError
from engine.core.format import AudioFormat
from engine.dsp.frontends import FRONT_ENDS, FrontEnd, FrontEndConfig, front_end
from engine.dsp.harmonic import HARMONICS, Hcqt, HcqtConfig
from engine.dsp.stft import grown
from engine.inference.network import Network

__all__ = ["ALL_FRONT_ENDS", "SalienceNode", "SalienceNodeConfig", "any_front_end"]

ALL_FRONT_ENDS = (*FRONT_ENDS, "salience")
REAL = ("low_hz", "hop_s", "gamma", "compression")
WHOLE = ("bins_per_octave", "n_octaves", "above")

Features = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class SalienceNodeConfig(Settings):
    """Which network estimates salience, and how often it runs."""

    model: Path = plain(MISSING, "ONNX file of the network")
    onsets: bool = plain(False, "also output, after the salience of all bins, the probability that each begins now")
    block: int = ranged(
        1, 1, 256, "frames computed at once; more cost less and add up to block - 1 hops of latency", unit="frames"
    )


class SalienceNode:
    """Audio (sample, channel) in, salience (frame, bin) from 0 to 1 out, or (frame, 2 bin) with onsets.

    Frame t describes input sample `centre(t)`. The network is run on blocks of equal size, so its output never depends
    on the block sizes of the input. Raises ModelError if the file is not such a network.
    """

    def __init__(self, config: SalienceNodeConfig, audio: AudioFormat) -> None:
        self.config, self.audio = config, audio
        self.network = Network(config.model, "salience")
        self.hcqt = _hcqt_config(self.network)
        maps = self.network.value("maps", list)
        if maps[:1] != ["salience"] or (config.onsets and maps != ["salience", "onset"]):
            raise ModelError(self.network.path, expected="maps of salience and onsets", got=str(maps)[:60])
        self._n_maps = 2 if config.onsets else 1
        self._ahead: int = self.network.value("look_ahead", int)
        self._front = Hcqt(self.hcqt, audio)
        n_bins = self.hcqt.n_bins
        self.network.expect_shapes({"hcqt": (None, len(HARMONICS), n_bins)})
        self.hop, self.n_features = self._front.hop, self._n_maps * n_bins
        self._frames = np.zeros((config.block, len(HARMONICS), n_bins), np.float32)
        self._out = np.zeros((0, self.n_features), np.float32)
        self._fill = 0
        self._run(np.zeros((config.block, self.n_features), np.float32))  # check the network's output shape once
        self.reset()

    @property
    def latency(self) -> int:
        """Return the most samples from a frame's centre to its emission: the first of a block waits longest."""
        return self._front.latency + (self._ahead + self.config.block - 1) * self.hop

    def centre(self, frame: int) -> int:
        """Return the input sample that frame `frame` describes, negative for the first few."""
        return self._front.centre(frame - self._ahead)

    def process(self, block: npt.NDArray[np.float32]) -> Features:
        """Return the frames that the block completes, borrowed until the next call."""
        hcqt = self._front.process(block).reshape(-1, *self._frames.shape[1:])
        size = self.config.block
        n_out = (self._fill + len(hcqt)) // size * size
        self._out = grown(self._out, n_out)
        start = given = 0
        while start < len(hcqt):
            n = min(size - self._fill, len(hcqt) - start)
            self._frames[self._fill : self._fill + n] = hcqt[start : start + n]
            start, self._fill = start + n, self._fill + n
            if self._fill == size:
                self._run(self._out[given : given + size])
                given, self._fill = given + size, 0
        return self._out[:n_out]

    def reset(self) -> None:
        """Return to the state after construction."""
        self._front.reset()
        self.network.reset()
        self._fill = 0

    def _run(self, out: Features) -> None:
        """Write the salience of a full block into `out`."""
        found = self.network.run({"hcqt": self._frames})["salience"]
        if found.shape[:1] + found.shape[2:] != (len(out), self.hcqt.n_bins) or found.shape[1] < self._n_maps:
            expected = f"salience of {self.hcqt.n_bins} bins"
            raise ModelError(self.network.path, expected=expected, got=str(found.shape))
        out[:] = found[:, : self._n_maps].reshape(len(out), -1)


def any_front_end(
    name: str, audio: AudioFormat, config: FrontEndConfig | None = None, *, weights: Path | None = None
) -> FrontEnd:
    """Make the front end `name`, one of ALL_FRONT_ENDS.

    weights: the ONNX file of "salience", which also sets its hop
    """
    if name != "salience":
        return front_end(name, audio, config)
    if weights is None:
        raise ConfigError("front end salience", expected="weights", got="none", remedy="give the ONNX file")
    node = SalienceNode(SalienceNodeConfig(model=weights), audio)
    return FrontEnd(node, n_features=node.n_features, hop=node.hop, latency=node.latency)


def _hcqt_config(network: Network) -> HcqtConfig:
    """Return the transform that the network was trained on, from the file's metadata."""
    network.expect("harmonics", list(HARMONICS))
    values = {name: network.value(name, float) for name in REAL} | {name: network.value(name, int) for name in WHOLE}
    try:
        return HcqtConfig(**values, look_ahead_s=network.value("cqt_look_ahead_s", float))
    except EngineError as error:
        raise ModelError(network.path, expected="a transform that can be", got=str(error)[:100]) from error
