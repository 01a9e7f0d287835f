"""What happens, as it happens: audio to the onsets and offsets of sounds, by a CRNN.

A causal network runs block by block and carries its state. One that hears both ways runs again and again over the
last seconds: more accurate, later, and costlier.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.config import require
from engine.dsp.logmel import LogMel, LogMelConfig
from engine.dsp.resample import ResampleConfig, Resampler
from engine.dsp.sanitise import as_block
from engine.dsp.stft import Stft
from engine.errors import ModelError
from engine.events import Sound
from engine.format import AudioFormat, FrameFormat
from engine.inference.decide import Change, Decider, DecisionConfig
from engine.inference.onnx import Network
from engine.inference.steps import MEL_BANDS, SOUND_FRAMES, SOUND_RATE, STEP_FRAMES, step_begin, step_end
from engine.processor import Chain, Processor

__all__ = ["SoundConfig", "SoundDetector"]

Audio = npt.NDArray[np.float32]
LOG_MEL = LogMelConfig(n_mels=MEL_BANDS)
SILENCE = float(np.log(LOG_MEL.floor))


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundConfig:
    """How to listen.

    model: the ONNX file; decision: thresholds and filters, with those of the file for the classes that it names none
    for; block: steps (66 ms) that are computed at once, 1 to 64: more cost less and come later; window: steps that a
    network that hears both ways hears at a time, 8 to 1,000, of which the last `ahead` are only heard, not yet told.
    """

    model: Path
    decision: DecisionConfig
    block: int = 1
    window: int = 75
    ahead: int = 8

    def __post_init__(self) -> None:
        require("block", self.block, 1, 64)
        require("window", self.window, 8, 1000)
        require("ahead", self.ahead, 0, self.window - self.block)


class SoundDetector:
    """Audio (sample, channel) in, `Sound` events out: `at` where a sound begins or ends, to a step of 66 ms.

    `emitted_at` is how much input it took to know. The network is run on equal blocks, so the events never depend on
    how the input is cut. ModelError if the file is none for this.
    """

    def __init__(self, config: SoundConfig, audio: AudioFormat) -> None:
        self.config, self.audio = config, audio
        self.network = Network(config.model, "crnn")
        self.classes = _checked(self.network)
        self._causal: bool = self.network.value("causal", bool)
        self._ahead: int = self.network.value("look_ahead", int) if self._causal else config.ahead
        self._decider = Decider(self.classes, _with_thresholds(config.decision, self.network, self.classes))
        self._resampling = ResampleConfig(
            source_rate=audio.sample_rate, target_rate=SOUND_RATE, n_channels=audio.n_channels
        )
        self._front, self._delay = _front_end(self._resampling)
        n_frames = STEP_FRAMES * (config.block if self._causal else config.window)
        self._mel = np.full((n_frames, MEL_BANDS), SILENCE, np.float32)
        self._probability = np.zeros((config.block, len(self.classes)), np.float32)
        self._fill, self._n_rows = 0, 0
        wait = self._ahead + self._decider.latency + config.block - 1
        # Between two rates, the rounding of both instants comes round after `up` steps.
        turn = range(self._resampling.up)
        self._latency = max(self._taken(step_end(k + wait)) - self._instant(step_begin(k)) for k in turn)
        self._run()  # what the file promises has to come out
        self.reset()

    @property
    def latency(self) -> int:
        """Samples by which `emitted_at` lags `at`, at most."""
        return self._latency

    @property
    def probabilities(self) -> npt.NDArray[np.float32]:
        """The newest step's probabilities (class), borrowed."""
        newest: npt.NDArray[np.float32] = self._probability[-1]
        return newest

    def process(self, block: Audio) -> list[Sound]:
        """The events that the block makes known."""
        block = as_block("SoundDetector", block, np.float32, (self.audio.n_channels,))
        features, events, start = self._front.process(block), [], 0
        n_new = STEP_FRAMES * self.config.block
        tail = self._mel[len(self._mel) - n_new :]
        while start < len(features):
            if self._fill == 0 and len(self._mel) > n_new:
                self._mel[:-n_new] = self._mel[n_new:].copy()
            n = min(n_new - self._fill, len(features) - start)
            tail[self._fill : self._fill + n] = features[start : start + n]
            start, self._fill = start + n, self._fill + n
            if self._fill == n_new:
                self._fill = 0
                events += self._decide()
        return events

    def reset(self) -> None:
        """As newly built."""
        self._front.reset()
        self._decider.reset()
        self.network.reset()
        self._mel[:] = SILENCE
        self._probability[:] = 0
        self._fill = self._n_rows = 0

    def _run(self) -> None:
        """The next steps' probabilities, the last `ahead` of a window left out."""
        out = self.network.run({"mel": self._mel})["probability"]
        if out.shape != (len(self._mel) // STEP_FRAMES, len(self.classes)):
            expected = f"probabilities of {len(self.classes)} classes a step"
            raise ModelError(self.network.path, expected=expected, got=str(out.shape))
        end = len(out) if self._causal else len(out) - self.config.ahead
        self._probability[:] = out[end - self.config.block : end]

    def _decide(self) -> list[Sound]:
        """Run the network on the block that is complete, and say what it changes."""
        self._run()
        early = max(0, min(self._ahead - self._n_rows, self.config.block))  # rows that speak of before the start
        self._n_rows += self.config.block
        return [self._sound(change) for change in self._decider.process(self._probability[early:])]

    def _sound(self, change: Change) -> Sound:
        rows = self.config.block
        row = (change.known + self._ahead) // rows * rows + rows - 1  # the last of its block
        return Sound(
            at=max(0, self._instant(step_begin(change.step))),
            emitted_at=self._taken(step_end(row)),
            label=self.classes[change.label],
            active=change.active,
            probability=change.probability,
        )

    def _instant(self, sample: int) -> int:
        """The input sample that a sample at 22.05 kHz stands for."""
        return ((sample - self._delay) * self._resampling.down) // self._resampling.up

    def _taken(self, samples: int) -> int:
        """How many input samples give so many samples at 22.05 kHz."""
        return -((-samples * self._resampling.down) // self._resampling.up)


def _front_end(resampling: ResampleConfig) -> tuple[Chain, int]:
    """Audio to log-mel frames, and the samples at 22.05 kHz by which the resampling delays them."""
    heard = AudioFormat(sample_rate=SOUND_RATE, n_channels=resampling.n_channels)
    frames = FrameFormat(audio=heard, n_fft=SOUND_FRAMES.n_fft, hop=SOUND_FRAMES.hop)
    children: list[Processor] = [Stft(frames), LogMel(frames, LOG_MEL)]
    if resampling.source_rate == SOUND_RATE:
        return Chain(*children), 0
    resampler = Resampler(resampling)
    return Chain(resampler, *children), resampler.latency


def _checked(network: Network) -> tuple[str, ...]:
    """The classes, after everything that the file says has been compared with what is computed here."""
    wanted = {
        "sample_rate": SOUND_RATE,
        "n_fft": SOUND_FRAMES.n_fft,
        "hop": SOUND_FRAMES.hop,
        "n_mels": MEL_BANDS,
        "step_frames": STEP_FRAMES,
        "embeddings": [],
    }
    for name, value in wanted.items():
        network.expect(name, value)
    network.expect_shapes({"mel": (None, MEL_BANDS)})
    names = network.value("classes", list)
    if not names or not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise ModelError(network.path, expected="a list of different class names", got=repr(names)[:60])
    return tuple(names)


def _with_thresholds(decision: DecisionConfig, network: Network, classes: tuple[str, ...]) -> DecisionConfig:
    """The decision with the file's own thresholds where the user gave none."""
    tuned = network.value("thresholds", dict)
    usable = {label: float(v) for label, v in tuned.items() if label in classes and isinstance(v, (int, float))}
    return replace(decision, thresholds={**usable, **(decision.thresholds or {})})
