"""Sets of soundscapes as arrays to train and evaluate on: log-mel from the live front end, and labels by step.

A set is a folder: `mel.npy` (scene, frame, mel) float16, `steps.npy` (scene, step, class) uint8, `events.tsv` as in
DESED, `set.json` with the classes and how it was made; for each embedding NAME.npy (scene, step, dimension) float16.
Arrays are memory-mapped: a set may exceed the memory.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from engine.core.config import require_one_of
from engine.core.errors import ConfigError
from engine.core.format import AudioFormat
from engine.core.processor import Chain
from engine.core.table_log import table_text
from engine.core.whole_file import whole_text
from engine.detection.embedding import EmbeddingConfig
from engine.detection.embedding_alignment import EmbeddingAlignment
from engine.detection.event_decoder import Interval
from engine.detection.frame_clock import MEL_BANDS, SOUND_FRAMES, SOUND_RATE, STEP, step_begin, step_end
from engine.dsp.logmel import LogMel, LogMelConfig
from engine.dsp.stft import Stft
from offline.datasets.label_table import read_label_table
from offline.datasets.soundscapes import SceneMixer

__all__ = [
    "EVENT_HEADER",
    "RenderedScene",
    "SceneSet",
    "embed_steps",
    "event_rows",
    "label_steps",
    "log_mel",
    "log_mel_front_end",
    "open_scene_set",
    "read_tsv",
    "render_scene",
    "save_scene_set",
    "write_scene_set",
    "write_tsv",
]

Events = dict[str, list[Interval]]  # by file name
Embeddings = Mapping[str, EmbeddingConfig]  # by name
MONO = AudioFormat(sample_rate=SOUND_RATE, n_channels=1)
EVENT_HEADER = ("filename", "onset", "offset", "event_label")
EMBEDDED = "embedded:"  # before the name of an embedding, in the file of one scene
KNOWN = ("strong", "weak", "unlabelled")


def log_mel_front_end() -> Chain:
    """Return the live node's front end: mono audio at 22.05 kHz to log-mel frames."""
    return Chain(Stft(SOUND_FRAMES), LogMel(SOUND_FRAMES, LogMelConfig(n_mels=MEL_BANDS)))


def log_mel(audio: npt.NDArray[np.float32], front: Chain | None = None) -> npt.NDArray[np.float32]:
    """Return log-mel (frame, mel) of mono audio (sample) at 22.05 kHz, padded with silence to whole steps."""
    front = front or log_mel_front_end()
    front.reset()
    padded = np.pad(audio, (0, -len(audio) % STEP))
    return np.array(front.process(padded[:, None]))


def embed_steps(audio: npt.NDArray[np.float32], config: EmbeddingConfig) -> npt.NDArray[np.float16]:
    """Return (step, dimension) of mono audio (sample) at 22.05 kHz, at each step as in the live node."""
    fusion = _fusion(config, os.getpid())
    fusion.reset()
    rows = np.zeros((len(audio) // STEP, config.dimension), np.float16)
    for k in range(len(rows)):
        fusion.process(audio[k * STEP : (k + 1) * STEP, None])
        fusion.step(step_end(k))
        rows[k] = fusion.inputs["it"][0]
    return rows


@cache
def _fusion(config: EmbeddingConfig, process: int) -> EmbeddingAlignment:
    """Return the open network of an embedding; each process opens its own."""
    del process
    return EmbeddingAlignment({"it": config}, MONO, 1)


def label_steps(events: Sequence[Interval], classes: Sequence[str], n_steps: int) -> npt.NDArray[np.uint8]:
    """Return which class sounds in which step: (step, class), 1 where an event covers at least half of the step.

    A shorter event counts in the one step that contains its middle.
    """
    labels = np.zeros((n_steps, len(classes)), np.uint8)
    for event in events:
        if event.label not in classes:
            continue
        first, last = (((t * SOUND_RATE) - step_begin(0)) / STEP for t in (event.onset_s, event.offset_s))
        begin, end = round(first), round(last)
        if end <= begin:
            begin = int((first + last) / 2)
            end = begin + 1
        labels[max(begin, 0) : max(end, 0), classes.index(event.label)] = 1
    return labels


def write_tsv(path: Path, events: Events) -> None:
    """Write sound events as in DCASE: filename, onset, offset, event_label; a file without events has only its name."""
    rows = [row for name, of in events.items() for row in event_rows(name, of)]
    with whole_text(path) as file:
        file.write(table_text([EVENT_HEADER, *rows], "\t"))


def event_rows(name: str, events: Sequence[Interval]) -> list[tuple[str, str, str, str]]:
    """Return the rows of one file by EVENT_HEADER."""
    return [(name, f"{e.onset_s:.3f}", f"{e.offset_s:.3f}", e.label) for e in events] or [(name, "", "", "")]


def read_tsv(path: Path) -> Events:
    """Read what `write_tsv` wrote, or a table like it; ConfigError names a bad line."""
    events: Events = {}
    for number, row in read_label_table(path).rows():
        try:
            of = events.setdefault(row["filename"], [])
            if row["event_label"]:
                of.append(_interval(float(row["onset"]), float(row["offset"]), row["event_label"]))
        except (KeyError, ValueError) as error:
            expected = "filename, onset, offset, event_label, with 0 <= onset <= offset in seconds"
            got = ", ".join(f"{name} {value!r}" for name, value in row.items())[:200]
            raise ConfigError(f"{path}, line {number}", expected=expected, got=got) from error
    return events


def _interval(onset_s: float, offset_s: float, label: str) -> Interval:
    if not 0 <= onset_s <= offset_s < math.inf:
        raise ValueError("no interval of time")
    return Interval(onset_s, offset_s, label)


@dataclass(frozen=True, slots=True)
class SceneSet:
    """A set in memory or mapped.

    classes: labels in order
    mel: (scene, frame, mel)
    steps: (scene, step, class)
    events: by scene name
    known: which labels are known, one of KNOWN: all, only those that occur in a scene, or none
    embeddings: (scene, step, dimension) by name
    """

    classes: tuple[str, ...]
    mel: npt.NDArray[np.float16]
    steps: npt.NDArray[np.uint8]
    events: Events
    known: str = "strong"
    embeddings: Mapping[str, npt.NDArray[np.float16]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.mel)

    @property
    def names(self) -> list[str]:
        """Return the scenes' file names, in order."""
        return list(self.events)


@dataclass(frozen=True, slots=True)
class RenderedScene:
    """What a set holds of one scene.

    mel: (frame, mel)
    embeddings: (step, dimension) by name
    """

    mel: npt.NDArray[np.float16]
    embeddings: Mapping[str, npt.NDArray[np.float16]]
    events: Sequence[Interval]

    def save(self, path: Path) -> None:
        """Write it; `open` reads it back."""
        times = np.array([(event.onset_s, event.offset_s) for event in self.events]).reshape(-1, 2)
        labels = np.array([event.label for event in self.events], str)
        arrays: dict[str, Any] = {f"{EMBEDDED}{name}": of for name, of in self.embeddings.items()}
        with path.open("wb") as file:
            np.savez(file, mel=self.mel, times=times, labels=labels, **arrays)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path) as kept:
            spans = zip(kept["times"].tolist(), kept["labels"].tolist(), strict=True)
            events = [Interval(onset_s, offset_s, label) for (onset_s, offset_s), label in spans]
            vectors = {n.removeprefix(EMBEDDED): kept[n] for n in kept.files if n.startswith(EMBEDDED)}
            return cls(kept["mel"], vectors, events)


def render_scene(mixer: SceneMixer, seed: int, index: int, embeddings: Embeddings | None = None) -> RenderedScene:
    """Mix scene `index` of the set `seed`; return its log-mel, embeddings and events."""
    scene = mixer.scene(seed, index)
    padded = np.pad(scene.audio, (0, -len(scene.audio) % STEP))
    vectors = {name: embed_steps(padded, config) for name, config in (embeddings or {}).items()}
    return RenderedScene(log_mel(scene.audio, _front_end()).astype(np.float16), vectors, scene.events)


@cache
def _front_end() -> Chain:
    return log_mel_front_end()


def write_scene_set(
    folder: Path, mixer: SceneMixer, scenes: Iterable[RenderedScene], *, seed: int, n_scenes: int
) -> None:
    """Write scenes 0 to n_scenes - 1 of the set `seed` to `folder`, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    n_steps = -(-mixer.n_samples // STEP)
    arrays: dict[str, np.memmap] = {}
    steps = np.zeros((n_scenes, n_steps, len(mixer.labels)), np.uint8)
    events: Events = {}
    for index, scene in enumerate(scenes):
        for name, rows in {"mel": scene.mel, **scene.embeddings}.items():
            if index == 0:
                arrays[name] = _array(folder / f"{name}.npy", (n_scenes, *rows.shape))
            arrays[name][index] = rows
        steps[index] = label_steps(scene.events, mixer.labels, n_steps)
        events[f"{seed}-{index:06d}.wav"] = list(scene.events)
    for array in arrays.values():
        array.flush()
    np.save(folder / "steps.npy", steps)
    write_tsv(folder / "events.tsv", events)
    made = {"classes": mixer.labels, "seed": seed, "alarms": mixer.alarms, "mix": asdict(mixer.config)}
    made |= {"embeddings": [name for name in arrays if name != "mel"]}
    (folder / "set.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


def _array(path: Path, shape: tuple[int, ...]) -> np.memmap:
    return np.lib.format.open_memmap(path, "w+", np.float16, shape)


def open_scene_set(folder: Path) -> SceneSet:
    """Open what `write_scene_set` wrote; ConfigError if a file is missing or they do not fit."""
    try:
        made = json.loads((folder / "set.json").read_text(encoding="utf-8"))
        mel, steps = np.load(folder / "mel.npy", mmap_mode="r"), np.load(folder / "steps.npy")
        vectors = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in made.get("embeddings", ())}
        known = made.get("known", KNOWN[0])
        require_one_of("known", known, KNOWN)
    except (OSError, ValueError) as error:
        raise ConfigError(str(folder), expected="a set of scenes", got=str(error)) from error
    events = read_tsv(folder / "events.tsv")
    if not len(mel) == len(steps) == len(events):
        got = f"{len(mel)}, {len(steps)}, {len(events)}"
        raise ConfigError(str(folder), expected="as many scenes in mel, steps and events", got=got)
    return SceneSet(tuple(made["classes"]), mel, steps, events, known, vectors)


def save_scene_set(folder: Path, scenes: SceneSet) -> None:
    """Write a set that is in memory; `open_scene_set` reads it back."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray] = {"mel": scenes.mel, "steps": scenes.steps, **scenes.embeddings}
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    write_tsv(folder / "events.tsv", scenes.events)
    made = {"classes": scenes.classes, "known": scenes.known, "embeddings": list(scenes.embeddings)}
    (folder / "set.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
