"""A device of some latency, imitated over a file, with a loudspeaker that a microphone hears through a room."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.accompaniment.ensemble import ACCOMPANIMENT
from engine.core.errors import ConfigError
from engine.core.events import Event
from engine.pipeline.pipeline import Pipeline, PipelineOutput
from offline.accompaniment.leak_config import LeakConfig

__all__ = ["ImitatedStage", "leak_response", "room_response"]

DISTANCE_M, SPEED = 1.5, 343.0  # from loudspeaker to microphone, and of sound, m/s
TINY = 1e-20

Audio = npt.NDArray[np.float32]


def room_response(reverberation_s: float, sample_rate: int, seed: int = 0) -> Audio:
    """Return an impulse response of energy 1: a direct sound, and noise as strong that falls by 60 dB in the time."""
    n = round(reverberation_s * sample_rate)
    rest = np.random.default_rng(seed).standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    response = np.concatenate([np.zeros(round(DISTANCE_M / SPEED * sample_rate)), [1.0], rest / np.linalg.norm(rest)])
    return (response / np.linalg.norm(response)).astype(np.float32)


def leak_response(config: LeakConfig, sample_rate: int, solo: Audio, accompaniment: Audio) -> Audio:
    """Return the impulse response by which an accompaniment comes back as loud as asked; both (sample), mono."""
    assert config.leak is not None
    response = room_response(config.room_s, sample_rate)
    back = _convolved(accompaniment, response)
    loudness = np.sqrt(float(np.mean(solo**2)) / max(float(np.mean(back**2)), TINY))
    return (response * loudness * 10 ** (config.leak / 20)).astype(np.float32)


class ImitatedStage:
    """Run a pipeline that accompanies; its sound comes out `latency` samples later, and so its echo.

    echo: impulse response from the output to the input, None for none
    """

    def __init__(self, pipeline: Pipeline, latency: int, echo: Audio | None = None) -> None:
        if echo is not None and latency <= 0:
            remedy = "--latency-s 0.05"
            raise ConfigError("leak", expected="a latency, for sound comes back later", got="none", remedy=remedy)
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
