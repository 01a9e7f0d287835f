"""A device of some latency, imitated over a file, with a loudspeaker that a microphone hears through a room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.accompaniment.ensemble import ACCOMPANIMENT
from engine.core.errors import ConfigError
from engine.core.events import Event
from engine.pipeline.pipeline import Pipeline, PipelineOutput

__all__ = ["ImitatedStage", "RoomConfig", "room_response"]

Audio = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomConfig:
    """A room between loudspeaker and microphone.

    reverberation_s: time in which its sound falls by 60 dB
    distance_m: from loudspeaker to microphone
    direct_db: energy of the direct sound against that of the rest
    seed: of the reflections
    """

    reverberation_s: float = 0.4
    distance_m: float = 1.5
    direct_db: float = 0.0
    seed: int = 0


def room_response(config: RoomConfig, sample_rate: int) -> Audio:
    """Return an impulse response of energy 1: a direct sound, then noise that decays exponentially."""
    begin = round(config.distance_m / 343 * sample_rate)
    n = round(config.reverberation_s * sample_rate)
    rest = np.random.default_rng(config.seed).standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    rest *= np.sqrt(10 ** (-config.direct_db / 10) / np.sum(rest**2))
    response = np.concatenate([np.zeros(begin), [1.0], rest])
    return (response / np.linalg.norm(response)).astype(np.float32)


class ImitatedStage:
    """Run a pipeline that accompanies; its sound comes out `latency` samples later, and so its echo.

    echo: impulse response from the output to the input, None for none
    """

    def __init__(self, pipeline: Pipeline, latency: int, echo: Audio | None = None) -> None:
        if echo is not None and latency <= 0:
            raise ConfigError("leak", expected="a latency: sound comes back later than it is made", got="none")
        self._pipeline, self.latency, self._echo = pipeline, latency, echo
        pipeline.declare_latency(latency)
        channels = pipeline.audio.n_channels
        self._late = np.zeros((latency, len(pipeline.targets) - 1, channels), np.float32)
        self._leak = np.zeros((latency + (0 if echo is None else len(echo)), channels), np.float64)
        self._sounds = ACCOMPANIMENT in pipeline.targets

    @property
    def playing(self) -> bool:
        """Return whether the accompaniment has more to play."""
        return self._pipeline.playing

    def release(self) -> list[Event]:
        """Return what ends every note and pedal of the accompaniment now."""
        return self._pipeline.release()

    def process(self, block: Audio) -> PipelineOutput:
        """Take a block of the soloist (sample, channel); return stems as they sound, and events."""
        if not self.latency or not self._sounds:
            return self._pipeline.process(block)
        parts = [self._step(block[i : i + self.latency]) for i in range(0, len(block), self.latency)]
        return PipelineOutput(
            stems=np.concatenate([part.stems for part in parts]), events=[e for part in parts for e in part.events]
        )

    def _step(self, block: Audio) -> PipelineOutput:
        n = len(block)
        out = self._pipeline.process(block + self._leak[:n].astype(np.float32))
        sounds = out.stems[:, 1:]
        self._leak = np.concatenate([self._leak[n:], np.zeros((n, self._leak.shape[1]))])
        if self._echo is not None:
            for channel in range(sounds.shape[2]):
                returned = _convolved(sounds[:, :, channel].sum(axis=1), self._echo)
                self._leak[self.latency - n :][: len(returned), channel] += returned
        self._late = np.concatenate([self._late, sounds])
        stems = np.concatenate([block[:, None], self._late[:n]], axis=1)
        self._late = self._late[n:]
        return PipelineOutput(stems=stems, events=out.events)


def _convolved(signal: Audio, response: Audio) -> npt.NDArray[np.float64]:
    """Return the full convolution, by the Fourier transform."""
    n = len(signal) + len(response) - 1
    size = 1 << (n - 1).bit_length()
    product = np.fft.rfft(signal, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[:n]
