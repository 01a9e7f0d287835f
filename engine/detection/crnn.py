"""Estimate the probabilities of sounds, step by step, with a convolutional recurrent network.

A causal network runs block by block and carries its state. A bidirectional one runs repeatedly over the last
seconds: more accurate, with a higher latency and computational cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import MISSING, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, check, choice, plain, ranged, require
from engine.core.errors import ConfigError, ModelError
from engine.core.format import AudioFormat, FrameFormat
from engine.core.processor import Chain, Processor
from engine.detection.background import BackgroundNode
from engine.detection.embedding import EmbeddingConfig
from engine.detection.embedding_alignment import EmbeddingAlignment
from engine.detection.event_decoder import MEDIANS, DecisionConfig
from engine.detection.frame_clock import MEL_BANDS, SOUND_FRAMES, SOUND_RATE, STEP_FRAMES, step_begin, step_end
from engine.detection.sound_files import class_names
from engine.dsp.logmel import LogMel, LogMelConfig
from engine.dsp.resample import ResampleConfig, Resampler
from engine.dsp.sanitise import as_block
from engine.dsp.stft import Stft
from engine.inference.network import Network
from engine.inference.network_file import NetworkFile

__all__ = ["SoundConfig", "SoundProbabilities", "SoundTiming", "checked_classes"]

Audio = npt.NDArray[np.float32]
Probabilities = npt.NDArray[np.float32]
LOG_MEL = LogMelConfig(n_mels=MEL_BANDS)
SILENCE = float(np.log(LOG_MEL.floor))


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundConfig(Settings):
    """How to detect sounds."""

    model: Path = plain(MISSING, "ONNX file of the network")
    decision: DecisionConfig | None = plain(
        None, "filters and thresholds that override those of the file; None for the file's own"
    )
    threshold: float | None = ranged(
        None, 0, 1, "probability at or above which a class is active; overrides the file's"
    )
    alignment: str | None = choice(None, MEDIANS, "alignment of the median filter; overrides the decision's")
    block: int = ranged(1, 1, 64, "steps of 66 ms computed at once; more cost less and add latency", unit="steps")
    window: int = ranged(75, 8, 1000, "input of a bidirectional network at a time", unit="steps")
    ahead: int = ranged(8, 0, 1000, "steps at the end of a window that are not reported yet", unit="steps")
    background_blocks: int = ranged(
        0,
        0,
        64,
        "time that a bidirectional network may take in the background; 0 runs it in the audio path",
        unit="blocks",
    )
    embeddings: Mapping[str, EmbeddingConfig] = plain(
        dict, "embeddings that are further inputs of the network, by their names in its file"
    )
    guesses: int = ranged(0, 0, 1000, "how many of the most likely sounds to report five times a second")

    def __post_init__(self) -> None:
        check(self)
        require("ahead", self.ahead, 0, self.window - self.block)


class SoundProbabilities:
    """Take audio (sample, channel), return probabilities (step, class) of successive steps of 66 ms, borrowed.

    The network is run on equal blocks, so the output never depends on how the input is cut.

    worker: runs windows beside the audio path if `config.background_blocks` is not 0

    ModelError if the file is not a network of this kind.
    """

    def __init__(self, config: SoundConfig, audio: AudioFormat, *, worker: Executor | None = None) -> None:
        self.config, self.audio = config, audio
        self.network = Network(config.model, "crnn")
        self.classes = checked_classes(self.network, config)
        sizes = {name: (None, each.dimension) for name, each in config.embeddings.items()}
        self.network.expect_shapes({"mel": (None, MEL_BANDS), **sizes})
        causal: bool = self.network.value("causal", bool)
        self.timing = SoundTiming(config, audio, self.network)
        self._front = _front_end(audio)
        self._embeddings = EmbeddingAlignment(config.embeddings, audio, config.block if causal else config.window)
        n_frames = STEP_FRAMES * (config.block if causal else config.window)
        self._mel = np.full((n_frames, MEL_BANDS), SILENCE, np.float32)
        self._end = n_frames // STEP_FRAMES - (0 if causal else config.ahead)  # the end of the rows that are reported
        self._out = np.zeros((0, len(self.classes)), np.float32)
        self._fill = self._n_blocks = 0
        self.n_late = 0  # blocks that were not ready in time, and repeat the previous ones
        shape = config.block, len(self.classes)
        self._background = (
            BackgroundNode(self._run, shape, config.background_blocks, worker) if config.background_blocks else None
        )
        if causal and config.background_blocks:
            raise ConfigError(
                "background_blocks",
                expected="0 for a network that carries its state",
                got=str(config.background_blocks),
            )
        self._run(self._inputs)  # check that the outputs are as the file declares
        self.reset()

    @property
    def latency(self) -> int:
        """Return the most samples from the beginning of a step until its row is emitted."""
        return self.timing.lag(0)

    def process(self, block: Audio) -> Probabilities:
        """Return the rows of the steps that the block completes."""
        block = as_block("SoundProbabilities", block, np.float32, (self.audio.n_channels,))
        features = self._front.process(block)
        self._embeddings.process(block)
        n_new, start, n = STEP_FRAMES * self.config.block, 0, 0
        room = (self._fill + len(features)) // n_new * self.config.block
        if len(self._out) < room:
            self._out = np.zeros((room, len(self.classes)), np.float32)
        tail = self._mel[len(self._mel) - n_new :]
        while start < len(features):
            if self._fill == 0 and len(self._mel) > n_new:
                self._mel[:-n_new] = self._mel[n_new:].copy()
            taken = min(n_new - self._fill, len(features) - start)
            tail[self._fill : self._fill + taken] = features[start : start + taken]
            start, self._fill = start + taken, self._fill + taken
            if self._fill == n_new:
                self._fill = 0
                rows = self._rows()
                self._out[n : n + len(rows)] = rows
                n += len(rows)
        return self._out[:n]

    def reset(self) -> None:
        """Reset to the initial state."""
        if self._background is not None:
            self._background.reset()
        self._front.reset()
        self._embeddings.reset()
        self.network.reset()
        self._mel[:] = SILENCE
        self._fill = self._n_blocks = self.n_late = 0

    def _rows(self) -> Probabilities:
        """Return the rows that the complete block yields, without those before the start of the stream."""
        n = self.config.block
        for step in range(self._n_blocks * n, (self._n_blocks + 1) * n):
            self._embeddings.step(self.timing.complete(step))
        if self._background is None:
            rows = self._run(self._inputs)
        else:
            rows, late = self._background.turn(self._inputs)
            self.n_late += late
        first = (self._n_blocks - self.config.background_blocks) * n
        self._n_blocks += 1
        return rows[max(0, min(self.timing.ahead - first, n)) :]

    @property
    def _inputs(self) -> dict[str, npt.NDArray[np.float32]]:
        return {"mel": self._mel, **self._embeddings.inputs}

    def _run(self, inputs: Mapping[str, npt.NDArray[np.float32]]) -> Probabilities:
        """Return the newest block of rows, excluding the last `ahead` of a window."""
        out = self.network.run(inputs)["probability"]
        if out.shape != (len(self._mel) // STEP_FRAMES, len(self.classes)):
            expected = f"probabilities of {len(self.classes)} classes a step"
            raise ModelError(self.network.path, expected=expected, got=str(out.shape))
        rows: Probabilities = np.nan_to_num(out[self._end - self.config.block : self._end], nan=0.0)
        return rows


class SoundTiming:
    """Compute when steps begin and when their rows are emitted, in samples of the input.

    file: metadata of the network
    """

    def __init__(self, config: SoundConfig, audio: AudioFormat, file: NetworkFile) -> None:
        self.config = config
        self.ahead: int = file.value("look_ahead", int) if file.value("causal", bool) else config.ahead
        self._resampling = _resampling(audio)
        same = audio.sample_rate == SOUND_RATE
        self._delay = 0 if same else Resampler(self._resampling).latency  # samples at 22.05 kHz

    def lag(self, wait: int) -> int:
        """Return the most samples from the beginning of a step until the row `wait` steps later is emitted."""
        # Between two rates, the rounding of both instants repeats after `up` blocks.
        turn = range(self._resampling.up * self.config.block)
        return max(self.emitted(k + wait) - self.instant(k) for k in turn)

    def instant(self, step: int) -> int:
        """Return the sample where a step begins; negative for the first."""
        return ((step_begin(step) - self._delay) * self._resampling.down) // self._resampling.up

    def emitted(self, step: int) -> int:
        """Return how many input samples are needed until the row of a step is emitted."""
        n = self.config.block
        last = (step + self.ahead) // n * n + n - 1 + n * self.config.background_blocks  # that its block needs
        return self.complete(last)

    def complete(self, step: int) -> int:
        """Return how many input samples are needed until the frames of a step are complete."""
        return -((-step_end(step) * self._resampling.down) // self._resampling.up)


def _resampling(audio: AudioFormat) -> ResampleConfig:
    return ResampleConfig(source_rate=audio.sample_rate, target_rate=SOUND_RATE, n_channels=audio.n_channels)


def _front_end(audio: AudioFormat) -> Chain:
    """Return the nodes from audio to log-mel frames."""
    resampled = AudioFormat(sample_rate=SOUND_RATE, n_channels=audio.n_channels)
    frames = FrameFormat(audio=resampled, n_fft=SOUND_FRAMES.n_fft, hop=SOUND_FRAMES.hop)
    children: list[Processor] = [Stft(frames), LogMel(frames, LOG_MEL)]
    if audio.sample_rate != SOUND_RATE:
        children.insert(0, Resampler(_resampling(audio)))
    return Chain(*children)


def checked_classes(network: NetworkFile, config: SoundConfig) -> tuple[str, ...]:
    """Return the classes, after checking the metadata of the file against what is computed here."""
    wanted = {
        "sample_rate": SOUND_RATE,
        "n_fft": SOUND_FRAMES.n_fft,
        "hop": SOUND_FRAMES.hop,
        "n_mels": MEL_BANDS,
        "step_frames": STEP_FRAMES,
    }
    for name, value in wanted.items():
        network.expect(name, value)
    asked = network.value("embeddings", list)
    if sorted(map(str, asked)) != sorted(config.embeddings):
        remedy = "give each with --embedding NAME=FILE" if asked else "leave --embedding out"
        got = ", ".join(config.embeddings) or "none"
        raise ModelError(
            network.path, expected=f"embeddings {', '.join(map(str, asked)) or 'none'}", got=got, remedy=remedy
        )
    return class_names(network)
