"""Recordings to sound events and tags: the live network over whole files, with the decisions tuned for them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from engine.audio.files import AudioReader, is_audio
from engine.core.errors import AudioFileError, EngineError
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig, SoundProbabilities
from engine.detection.detector import decisions_of
from engine.detection.event_decoder import DecisionConfig, EventDecoder
from engine.detection.interval import Interval
from engine.inference.network import Network
from offline.detection.clip_decisions import clip_probabilities, intervals

__all__ = ["Found", "Tagged", "Tagger", "find_recordings", "tag_files", "write_tags"]

Probabilities = npt.NDArray[np.float32]
BLOCK, WINDOW, AHEAD = 64, 151, 43  # steps: a window of ten seconds is what networks are trained on


class Found(NamedTuple):
    """A recording: the name by which results call it, and its file."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """What is in a recording: events in order of onset, its labels with their probability, and all (step, class)."""

    events: list[Interval]
    tags: dict[str, float]
    steps: Probabilities


class Sink(Protocol):
    """What hears of recordings that cannot be read."""

    def __call__(self, line: str, /) -> None:
        """Say one line."""
        ...


def find_recordings(paths: Iterable[Path]) -> list[Found]:
    """Files as they are, folders as all recordings in them, however deep; AudioFileError if a folder has none."""
    found = []
    for path in paths:
        if not path.is_dir():
            found.append(Found(path.name, path))
            continue
        inside = [p for p in sorted(path.rglob("*")) if p.is_file() and is_audio(p)]
        if not inside:
            raise AudioFileError(str(path), expected="a folder with recordings", got="none that can be read")
        found += [Found(p.relative_to(path).as_posix(), p) for p in inside]
    names = [one.name for one in found]
    return [one if names.count(one.name) == 1 else Found(str(one.path), one.path) for one in found]


class Tagger:
    """A network over whole recordings.

    config: its model, its embeddings and a threshold for every class are heeded; the decisions are those that the
    file has for recordings, the blocks are long.
    """

    def __init__(self, config: SoundConfig) -> None:
        network = Network(config.model, "crnn")
        tuned = decisions_of(network)
        causal = network.value("causal", bool)
        self.classes = tuple(network.value("classes", list))
        window, ahead = (WINDOW, 0) if causal else (WINDOW, AHEAD)
        self.config = replace(config, block=BLOCK, window=window, ahead=ahead, background_blocks=0, guesses=0)
        self.levels = dict(tuned.tags)
        self.decision = tuned.whole
        if config.threshold is not None:
            self.levels = dict.fromkeys(self.classes, config.threshold)
            self.decision = tuned.whole.by_threshold(config.threshold)
        if config.alignment is not None:
            self.decision = replace(self.decision, alignment=config.alignment)
        self._nodes: dict[AudioFormat, SoundProbabilities] = {}

    def tag(self, path: Path) -> Tagged:
        """What is in a recording of any rate and length; AudioFileError if it cannot be read."""
        node, steps, n_samples = self.probabilities(path)
        rate = node.audio.sample_rate
        length_s = n_samples / rate
        found = intervals(EventDecoder(self.classes, self.decision), steps, lambda k: max(0, node.instant(k)) / rate)
        events = [e._replace(offset_s=min(e.offset_s, length_s)) for e in found if e.onset_s < length_s]
        clip = clip_probabilities(steps)
        levels = DecisionConfig(thresholds=self.levels).levels(self.classes)
        tags = {self.classes[i]: float(clip[i]) for i in np.flatnonzero(clip >= levels)}
        return Tagged(events=events, tags=tags, steps=steps)

    def probabilities(self, path: Path) -> tuple[SoundProbabilities, Probabilities, int]:
        """The node that heard it, its probabilities (step, class) within the recording, and its samples."""
        with AudioReader(path) as reader:
            if reader.format not in self._nodes:
                self._nodes[reader.format] = SoundProbabilities(self.config, reader.format)
            node, parts, n_samples = self._nodes[reader.format], [], 0
            node.reset()
            for block in reader.blocks():
                n_samples += len(block)
                parts.append(node.process(block).copy())
            silence = np.zeros((node.latency, reader.format.n_channels), np.float32)
            parts.append(node.process(silence).copy())
        steps = np.concatenate(parts)
        n_steps = next((k for k in range(len(steps)) if node.instant(k) >= n_samples), len(steps))
        return node, steps[: max(n_steps, 1)], n_samples


def tag_files(files: Sequence[Found], tagger: Tagger, say: Sink) -> Iterator[tuple[str, Tagged | None]]:
    """Name and content of each recording; None, and a line said, where it cannot be read."""
    for name, path in files:
        try:
            yield name, tagger.tag(path)
        except EngineError as error:
            say(f"collaparte: {error}")
            yield name, None


def write_tags(path: Path, tags: Mapping[str, Mapping[str, float]]) -> None:
    """CSV with header filename,label,probability; a recording without tags keeps its name alone."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        rows = csv.writer(lines, lineterminator="\n")
        rows.writerow(["filename", "label", "probability"])
        for name, of in tags.items():
            rows.writerows([name, label, f"{probability:.3f}"] for label, probability in of.items())
            if not of:
                rows.writerow([name, "", ""])
