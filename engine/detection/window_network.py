"""Estimate the probabilities of sounds with any network that takes a window of sound, such as those of AudioSet.

The log-mel frames stream; every few frames the network runs over the last of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.errors import ConfigError, ModelError
from engine.core.format import AudioFormat
from engine.detection.front_end import MelFrames, WindowFrontEnd
from engine.detection.sound_files import class_names, front_end_of, sound_network_file
from engine.dsp.resample import ResampleConfig, Resampler
from engine.inference.network import open_session
from engine.inference.network_file import NetworkFile

__all__ = ["WindowProbabilities", "WindowTiming"]

Audio = npt.NDArray[np.float32]
Probabilities = npt.NDArray[np.float32]


class WindowTiming:
    """Compute when steps begin and when their rows are emitted, in samples of the input.

    A step is as long as the way between two windows, and lies in the middle of its own.
    """

    def __init__(self, front: WindowFrontEnd, audio: AudioFormat) -> None:
        self.front = front
        self._resampling = ResampleConfig(
            source_rate=audio.sample_rate, target_rate=front.sample_rate, n_channels=audio.n_channels
        )
        same = audio.sample_rate == front.sample_rate
        self._delay = 0 if same else Resampler(self._resampling).latency

    @property
    def step_s(self) -> float:
        """Return the length of a step, seconds."""
        return self.front.step * self.front.hop / self.front.sample_rate

    def lag(self, wait: int) -> int:
        """Return the most samples from the beginning of a step until the row `wait` steps later is emitted."""
        return max(self.emitted(k + wait) - self.instant(k) for k in range(self._resampling.up))

    def instant(self, step: int) -> int:
        """Return the sample where a step begins; negative for the first."""
        end = (step + 1) * self.front.step * self.front.hop
        begin = end - (self.front.window + self.front.step * self.front.hop) // 2
        return (begin - self._delay) * self._resampling.down // self._resampling.up

    def emitted(self, step: int) -> int:
        """Return how many input samples are needed until the row of a step is emitted."""
        end = (step + 1) * self.front.step * self.front.hop
        return -((-end * self._resampling.down) // self._resampling.up)


class WindowProbabilities:
    """Take audio (sample, channel), return probabilities (step, class), borrowed.

    Silence lies before the start. ModelError if the file's input or output is not as its metadata say.
    """

    n_late = 0

    def __init__(self, config: Any, audio: AudioFormat) -> None:
        self.config, self.audio = config, audio
        self.network: NetworkFile = sound_network_file(config.model)
        if config.embeddings or config.background_blocks:
            got = "--embedding" if config.embeddings else "background_blocks"
            raise ConfigError(got, expected="none with a network of windows", got=config.model.name)
        self.classes = class_names(self.network)
        self.front = front_end_of(self.network)
        self.timing = WindowTiming(self.front, audio)
        self._logit = self.network.metadata.get("scores") == "logit"
        self._session = open_session(config.model)
        self._input, self._shape, self._output = self._ports()
        self._frames = MelFrames(self.front, audio)
        self._silence = self._frames.silence()
        n = self.front.frames if self.front.n_mels else -(-self.front.window // self.front.hop)
        self._line = np.zeros((n, len(self._silence)), np.float32)
        self._out = np.zeros((0, len(self.classes)), np.float32)
        self._fill = 0
        self.reset()
        self._row()

    @property
    def latency(self) -> int:
        """Return the most samples from the beginning of a step until its row is emitted."""
        return self.timing.lag(0)

    def process(self, block: Audio) -> Probabilities:
        """Return the rows of the windows that the block completes."""
        frames, start, n = self._frames.process(block), 0, 0
        room = (self._fill + len(frames)) // self.front.step
        if len(self._out) < room:
            self._out = np.zeros((room, len(self.classes)), np.float32)
        while start < len(frames):
            taken = min(self.front.step - self._fill, len(frames) - start)
            self._line = np.concatenate([self._line, frames[start : start + taken]])[-len(self._line) :]
            start, self._fill = start + taken, self._fill + taken
            if self._fill == self.front.step:
                self._fill = 0
                self._out[n] = self._row()
                n += 1
        return self._out[:n]

    def reset(self) -> None:
        """Reset to the initial state."""
        self._frames.reset()
        self._line[:] = self._silence
        self._fill = 0

    def _row(self) -> Probabilities:
        window = self._line if self.front.n_mels else self._line.reshape(-1)[-self.front.window :]
        scores = self._session.run([self._output], {self._input: window.reshape(self._shape)})[0]
        scores = np.asarray(scores, np.float64)
        if scores.size == len(self.classes) * scores.shape[0] and scores.ndim == 2:
            scores = scores.mean(0)
        if scores.size != len(self.classes):
            expected = f"{len(self.classes)} scores, one for each class"
            raise ModelError(self.network.path, expected=expected, got=f"shape {scores.shape}")
        if self._logit:
            scores = 1 / (1 + np.exp(-np.clip(scores, -80, 80)))
        return np.asarray(np.clip(np.nan_to_num(scores.ravel(), nan=0.0), 0, 1), np.float32)

    def _ports(self) -> tuple[str, tuple[int, ...], str]:
        """Return the name of the only input, the shape in which it takes a window, and the output with the scores."""
        given = self._session.get_inputs()
        wanted = self.front.shape
        shape = list(given[0].shape) if len(given) == 1 else []
        fits = _fitted(shape, wanted)
        if fits is None:
            got = ", ".join(f"{each.name} {each.shape}" for each in given)
            raise ModelError(self.network.path, expected=f"one input of {wanted}", got=got)
        outputs = [each.name for each in self._session.get_outputs()]
        output = self.network.metadata.get("output", outputs[0])
        if output not in outputs:
            raise ModelError(self.network.path, expected=f"an output of {', '.join(outputs)}", got=str(output))
        return given[0].name, fits, output


def _fitted(shape: list[Any], wanted: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape of a window among axes of length 1; None if it does not fit."""
    extra = len(shape) - len(wanted)
    if extra < 0:
        return None
    for at in range(extra + 1):
        before, own, after = shape[:at], shape[at : at + len(wanted)], shape[at + len(wanted) :]
        free = all(not isinstance(n, int) or n == 1 for n in (*before, *after))
        if free and all(not isinstance(n, int) or n == m for n, m in zip(own, wanted, strict=True)):
            return (*(1,) * len(before), *wanted, *(1,) * len(after))
    return None
