"""Find sound events and tags in recordings, by the live network with decisions tuned for whole files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.audio.files import AudioReader
from engine.audio.folders import Found
from engine.core.errors import EngineError
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig, SoundProbabilities
from engine.detection.detector import sound_probabilities
from engine.detection.event_decoder import DecisionConfig, EventDecoder, Interval
from engine.detection.sound_files import WINDOW_NETWORK, class_names, decisions_of, sound_network_file
from engine.detection.window_network import WindowProbabilities
from offline.detection.clip_decisions import clip_probabilities, intervals

__all__ = ["TAG_HEADER", "Tagged", "Tagger", "tag_files"]

Probabilities = npt.NDArray[np.float32]
Node = SoundProbabilities | WindowProbabilities
BLOCK, WINDOW, AHEAD = 64, 151, 43  # steps; networks are trained on windows of ten seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """What is in a recording.

    events: in order of onset
    tags: labels with their probability
    steps: probabilities (step, class)
    shortfall: what is to say of a recording that was cut off; empty if it is whole
    """

    events: list[Interval]
    tags: dict[str, float]
    steps: Probabilities
    shortfall: str = ""


class Tagger:
    """Runs a network over whole recordings, in long blocks, with the decisions that its file has for recordings.

    config: only model, embeddings, threshold and alignment are used
    """

    def __init__(self, config: SoundConfig) -> None:
        file = sound_network_file(config.model)
        tuned = decisions_of(file)
        self.classes = class_names(file)
        ahead = 0 if file.kind == WINDOW_NETWORK or file.value("causal", bool) else AHEAD
        self.config = replace(config, block=BLOCK, window=WINDOW, ahead=ahead, background_blocks=0, guesses=0)
        self.levels = dict(tuned.tags)
        self.decision = tuned.whole
        if config.threshold is not None:
            self.levels = dict.fromkeys(self.classes, config.threshold)
            self.decision = tuned.whole.by_threshold(config.threshold)
        if config.alignment is not None:
            self.decision = replace(self.decision, alignment=config.alignment)
        self._nodes: dict[AudioFormat, Node] = {}

    def tag(self, path: Path) -> Tagged:
        """Tag a recording of any rate and length; AudioFileError if it cannot be read."""
        with AudioReader(path) as reader:
            node, steps, n_samples = self.run(reader)
            shortfall = reader.shortfall
        rate = node.audio.sample_rate
        length_s = n_samples / rate
        found = intervals(
            EventDecoder(self.classes, self.decision), steps, lambda k: max(0, node.timing.instant(k)) / rate
        )
        events = [e._replace(offset_s=min(e.offset_s, length_s)) for e in found if e.onset_s < length_s]
        clip = clip_probabilities(steps)
        levels = DecisionConfig(thresholds=self.levels).levels(self.classes)
        tags = {self.classes[i]: float(clip[i]) for i in np.flatnonzero(clip >= levels)}
        return Tagged(events=events, tags=tags, steps=steps, shortfall=shortfall)

    def probabilities(self, path: Path) -> tuple[Node, Probabilities, int]:
        """Return the node that ran, its probabilities (step, class) within the recording, and the number of samples."""
        with AudioReader(path) as reader:
            return self.run(reader)

    def run(self, reader: AudioReader) -> tuple[Node, Probabilities, int]:
        """Return the same of an open recording."""
        if reader.format not in self._nodes:
            self._nodes[reader.format] = sound_probabilities(self.config, reader.format)
        node, parts, n_samples = self._nodes[reader.format], [], 0
        node.reset()
        for block in reader.blocks():
            n_samples += len(block)
            parts.append(node.process(block).copy())
        silence = np.zeros((node.latency, reader.format.n_channels), np.float32)
        parts.append(node.process(silence).copy())
        steps = np.concatenate(parts)
        n_steps = next((k for k in range(len(steps)) if node.timing.instant(k) >= n_samples), len(steps))
        return node, steps[: max(n_steps, 1)], n_samples


def tag_files(
    files: Sequence[Found], tagger: Tagger, say: Callable[[str], object]
) -> Iterator[tuple[str, Tagged | None]]:
    """Yield name and content of each recording; None, and a line said, where it cannot be read."""
    for name, path in files:
        try:
            tagged = tagger.tag(path)
        except EngineError as error:
            say(f"collaparte: {error.about(path)}")
            yield name, None
            continue
        if tagged.shortfall:
            say(f"collaparte: {tagged.shortfall}")
        yield name, tagged


TAG_HEADER = ("filename", "label", "probability")
