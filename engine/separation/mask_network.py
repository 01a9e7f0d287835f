"""Separate spectra into stems, hop by hop, with a mask network: Open-Unmix and CrossNet-Open-Unmix, live.

The network takes magnitudes and returns one mask for each target; a stem is its mask times the mixture, as published.
The masks need not add up to one: what they leave over, positive or negative, is shared out among the stems of a network
whose targets are the whole mixture, and is a stem of its own, `rest`, of one that lacks targets. So the stems sum to
the input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import C64, F32, Scalar32
from engine.core.config import require
from engine.core.errors import ConfigError, ModelError
from engine.core.format import STEREO, AudioFormat, FrameFormat
from engine.dsp.sanitise import LIMIT, as_block, clean
from engine.dsp.stft import grown
from engine.inference.network import Network
from engine.separation.config import REST_STEM, MaskNetworkConfig
from engine.separation.input_level import InputLevel

__all__ = ["MaskNetwork", "StreamingSeparator"]

WHOLE = {"vocals", "drums", "bass", "other"}  # the published targets, which are the mixture together
SUMMED = ("bands", "blend")  # networks whose masks always sum to one
HALF = np.float32(0.5**0.5)
FAINT = 1e-6  # sum of masks below which what they leave over is shared equally


@njit(nogil=True, cache=True)
def absolute(row: C64, out: F32) -> None:
    """Compute |row| (bin), without the overflow protection that clean values do not need."""
    for k in range(len(row)):
        value = row[k]
        out[k] = np.sqrt(value.real * value.real + value.imag * value.imag)


@njit(nogil=True, cache=True)
def magnitudes(spectrum: C64, limit: Scalar32, cleaned: C64, out: F32) -> None:
    """Clean one frame (channel, bin) into `cleaned` and write |cleaned| to `out` (model's channel, bin).

    A single channel is copied to all channels of the model.
    """
    n_channels, n_bins = cleaned.shape
    for c in range(n_channels):
        for k in range(n_bins):
            value = spectrum[c, k]
            cleaned[c, k] = complex(clean(value.real, limit), clean(value.imag, limit))
    for c in range(out.shape[0]):
        absolute(cleaned[c if n_channels > 1 else 0], out[c])


@njit(nogil=True, cache=True)
def mid_side(channels: C64) -> None:
    """Convert left and right (2, bin) to their sum and difference with the same energy, or back, in place."""
    for k in range(channels.shape[1]):
        first, second = channels[0, k], channels[1, k]
        channels[0, k] = (first + second) * HALF
        channels[1, k] = (first - second) * HALF


@njit(nogil=True, cache=True)
def mid_side_magnitudes(cleaned: C64, out: F32) -> None:
    """Convert one cleaned frame (channel, bin) and write |mid| and |side| to `out` (2, bin).

    A single channel counts as both left and right.
    """
    if cleaned.shape[0] == 2:
        mid_side(cleaned)
        absolute(cleaned[0], out[0])
        absolute(cleaned[1], out[1])
    else:
        absolute(cleaned[0], out[0])
        for k in range(cleaned.shape[1]):
            out[0, k] /= HALF
            out[1, k] = np.float32(0)


@njit(nogil=True, cache=True)
def average(masks: F32) -> None:
    """Write the mean of the masks (target, channel, bin) of all channels to those of the first, in place."""
    n_targets, n_model, n_bins = masks.shape
    for t in range(n_targets):
        for m in range(1, n_model):
            for k in range(n_bins):
                masks[t, 0, k] += masks[t, m, k]
        for k in range(n_bins):
            masks[t, 0, k] /= np.float32(n_model)


@njit(nogil=True, cache=True)
def apply_masks(cleaned: C64, masks: F32, equal: bool, faint: Scalar32, gain: F32, left: F32, out: C64) -> None:
    """Compute stems (stem, channel, bin) of one frame (channel, bin) by masks (target, mask's channel, bin).

    The stems sum to the frame. A stem is (mask * gain + left) * input; gain and left (bin) are scratch. One stem more
    than there are targets is what the masks leave over. A single channel uses the mean of the masks of all channels.
    """
    n_targets, n_model, n_bins = masks.shape
    n_channels = out.shape[1]
    if n_channels < n_model:
        average(masks)
    for c in range(n_channels):
        for k in range(n_bins):
            gain[k] = np.float32(0)
        for t in range(n_targets):
            for k in range(n_bins):
                gain[k] += masks[t, c, k]
        if len(out) > n_targets:
            for k in range(n_bins):
                out[n_targets, c, k] = (np.float32(1) - gain[k]) * cleaned[c, k]
                gain[k], left[k] = np.float32(1), np.float32(0)
        else:
            for k in range(n_bins):
                total = gain[k]
                alike = equal or total < faint
                gain[k] = np.float32(1) if alike else np.float32(1) / total
                left[k] = (np.float32(1) - total) / np.float32(n_targets) if alike else np.float32(0)
        for t in range(n_targets):
            for k in range(n_bins):
                out[t, c, k] = (masks[t, c, k] * gain[k] + left[k]) * cleaned[c, k]


class MaskNetwork:
    """Open and check a mask network for all targets; shared by the streaming and the segmented node.

    targets: names of the stems, in order: those of the network, then `rest` where it is a stem
    n_channels: as many as the model has, or 1
    network: the opened file of config.model, if it is open already

    ModelError if the file does not fit.
    """

    bidirectional = False

    def __init__(self, config: MaskNetworkConfig, *, n_channels: int, network: Network | None = None) -> None:
        self.config = config
        self.network = network or Network(config.model, "unmix")
        names = _targets(self.network)
        self.targets = (*names, REST_STEM) if _has_rest(self.network, config, names) else names
        n_model = self.network.value("n_channels", int)
        self.mid_side = _mid_side(self.network, n_model)
        self.n_inputs = 4 if self.mid_side else n_model
        if n_channels not in (1, n_model):
            remedy = f"choose channels, or mix a file down, for example: ffmpeg -i FILE -ac {n_model} mixed.wav"
            raise ConfigError("n_channels", expected=f"1 or {n_model}", got=str(n_channels), remedy=remedy)
        if self.network.metadata.get("bidirectional", False) is not self.bidirectional:
            ways = "one direction", "two directions, which needs the whole file"
            wanted, got = ways[:: -1 if self.bidirectional else 1]
            raise ModelError(self.network.path, expected=f"a network of {wanted}", got=f"one of {got}")
        self.frames = _frames(self.network, n_channels)
        self.window: str = self.network.value("window", str)
        n_bins = self.frames.n_bins
        # Live a network is given one frame at a time, and most are made for one only.
        single = not self.bidirectional and self.network.inputs.get("magnitude", ())[:1] == (1,)
        self.network.expect_shapes({"magnitude": (1 if single else None, self.n_inputs, n_bins)})
        target = self.network.metadata.get("level", 0)
        if isinstance(target, bool) or not isinstance(target, int | float) or not 0 <= target <= 1:
            raise ModelError(self.network.path, expected="a level from 0 to 1 of full scale", got=repr(target)[:60])
        self._level = InputLevel(self.frames, self.window, float(target)) if target else None
        self._gain, self._left = np.zeros(n_bins, np.float32), np.zeros(n_bins, np.float32)
        self._stems = np.zeros((0, len(self.targets), n_channels, n_bins), np.complex64)
        self._probe((len(names), n_model, n_bins))

    def prepare(self, spectrum: Any, cleaned: Any, magnitude: Any) -> None:
        """Clean one frame (channel, bin) and write its magnitudes (n_inputs, bin), at the model's level.

        If the masks are of mid and side, the cleaned frame is converted too, and the magnitudes are mid and side, then
        left and right.
        """
        limit = np.float32(LIMIT * self.frames.n_fft)
        if self.mid_side:
            magnitudes(spectrum, limit, cleaned, magnitude[2:])
            mid_side_magnitudes(cleaned, magnitude[:2])
        else:
            magnitudes(spectrum, limit, cleaned, magnitude)
        if self._level is not None:
            self._level.apply(magnitude)

    def share(self, cleaned: Any, masks: Any, out: Any) -> None:
        """Compute the stems of one frame by its masks (target, model's channel, bin), which are overwritten.

        The stems sum to the frame.
        """
        self.divide(cleaned, masks, out)
        if self.mid_side and len(cleaned) == 2:
            for stem in out:
                mid_side(stem)

    def divide(self, cleaned: Any, masks: Any, out: Any) -> None:
        """Do as `share`, but leave the stems as mid and side if the cleaned frame is."""
        if self.mid_side:
            masks = masks[:, : len(cleaned)]  # a single channel has no side
        apply_masks(cleaned, masks, self.config.sharing == "equal", np.float32(FAINT), self._gain, self._left, out)

    def reset(self) -> None:
        """Reset the network's state to zero, and the level."""
        self.network.reset()
        if self._level is not None:
            self._level.reset()

    def _probe(self, shape: tuple[int, ...]) -> None:
        """Run one frame of silence, to check that the outputs are as the file declares, and finite."""
        try:
            mask = self.network.run({"magnitude": np.zeros((1, self.n_inputs, shape[2]), np.float32)})["mask"]
        except Exception as error:  # the runtime raises a dozen unrelated types
            reason = " ".join(str(error).split())[:120]
            raise ModelError(self.network.path, expected="a network that runs", got=reason) from error
        if mask.shape != (1, *shape) or mask.dtype != np.float32 or not np.isfinite(mask).all():
            got = f"{mask.shape} of {mask.dtype}"
            raise ModelError(self.network.path, expected=f"finite float32 masks {(1, *shape)}", got=got)
        self.network.reset()


class StreamingSeparator(MaskNetwork):
    """Take spectra (frame, channel, bin), return stems (frame, target, channel, bin), complex64, frame for frame.

    The network is run once per frame, however many arrive at once, so the result never depends on the blocks.
    """

    def __init__(self, config: MaskNetworkConfig, *, n_channels: int, network: Network | None = None) -> None:
        super().__init__(config, n_channels=n_channels, network=network)
        self._cleaned = np.zeros((n_channels, self.frames.n_bins), np.complex64)
        self._magnitude = np.zeros((1, self.n_inputs, self.frames.n_bins), np.float32)

    @property
    def latency(self) -> int:
        """Return 0: each frame depends on itself and the past; the latency of the spectra is counted separately."""
        return 0

    def process(self, spectra: npt.NDArray[np.complex64]) -> npt.NDArray[np.complex64]:
        """Take (frame, channel, bin), return (frame, target, channel, bin), borrowed until the next call."""
        spectra = as_block("StreamingSeparator", spectra, np.complex64, self._cleaned.shape)
        self._stems = grown(self._stems, len(spectra))
        for frame, spectrum in enumerate(spectra):
            self.prepare(spectrum, self._cleaned, self._magnitude[0])
            masks = self.network.run({"magnitude": self._magnitude})["mask"]
            self.share(self._cleaned, masks[0], self._stems[frame])
        return self._stems[: len(spectra)]


def _targets(network: Network) -> tuple[str, ...]:
    names = network.value("targets", list)
    plain = all(isinstance(name, str) and name.isidentifier() for name in names)  # they become file names
    if not plain or not 1 <= len(set(names)) == len(names) <= 16:
        raise ModelError(network.path, expected="1 to 16 plain target names", got=repr(names)[:60])
    return tuple(names)


def _has_rest(network: Network, config: MaskNetworkConfig, names: tuple[str, ...]) -> bool:
    """Return whether what the masks leave over is a stem; a target of that name holds it already."""
    whole = network.metadata.get("complete", network.metadata.get("network") in SUMMED or set(names) >= WHOLE)
    if not isinstance(whole, bool):
        raise ModelError(network.path, expected="complete: true or false", got=repr(whole)[:60])
    return REST_STEM not in names and (config.rest == "always" or (config.rest == "lacking" and not whole))


def _mid_side(network: Network, n_channels: int) -> bool:
    stereo = network.metadata.get("stereo", STEREO[0])
    if stereo not in STEREO or (stereo == STEREO[1] and n_channels != 2):
        got = f"{stereo!r} of {n_channels} channels"[:60]
        raise ModelError(network.path, expected="left-right, or mid-side of two channels", got=got)
    return bool(stereo == STEREO[1])


def _frames(network: Network, n_channels: int) -> FrameFormat:
    try:
        audio = AudioFormat(sample_rate=network.value("sample_rate", int), n_channels=n_channels)
        frames = FrameFormat(audio=audio, n_fft=network.value("n_fft", int), hop=network.value("hop", int))
        require("n_fft", frames.n_fft, 16, 1 << 17)
    except ConfigError as error:
        raise ModelError(network.path, expected=error.expected, got=f"{error.where} {error.got}") from error
    network.expect("feature", "magnitude")
    return frames
