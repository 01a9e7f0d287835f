"""Metrics of a sound event network over recordings with labels or over mixed scenes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.ndimage import median_filter
from tqdm import tqdm

from engine.audio.folders import Found
from engine.core.errors import ConfigError
from engine.detection.crnn import SILENCE
from engine.detection.event_decoder import Interval
from engine.detection.frame_clock import MEL_BANDS, STEP_FRAMES
from engine.inference.network import Network
from offline.datasets.desed import LabelFile, find_audio
from offline.datasets.scenes import SceneSet
from offline.detection.clip_decisions import Probabilities, detect, tag
from offline.detection.tagging import Tagger, tag_files
from offline.evaluation.detection.psds import PSDS_1, PSDS_2, psds
from offline.evaluation.detection.sound_events import clip_counts, evaluate_sound_events, event_counts, segment_counts
from offline.evaluation.detection.sound_events_tuning import step_edges_s

__all__ = [
    "ScoredClips",
    "detect_recordings",
    "detect_scenes",
    "format_event_table",
    "label_metrics",
    "mel_probabilities",
    "sound_event_metrics",
]


@dataclass(frozen=True, slots=True)
class ScoredClips:
    """Truth and estimates by file name: events, labels, probabilities (step, class); and what could not be read."""

    reference: dict[str, list[Interval]] = field(default_factory=dict)
    events: dict[str, list[Interval]] = field(default_factory=dict)
    tags: dict[str, set[str]] = field(default_factory=dict)
    steps: dict[str, Probabilities] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def detect_recordings(folder: Path, labels: LabelFile, tagger: Tagger) -> ScoredClips:
    """Run the network over every recording with strong labels; what is missing or broken is reported and left out."""
    if labels.strong is None:
        raise ConfigError(str(labels.path), expected="strong labels", got="weak ones")
    files, clips = find_audio(folder, labels.strong), ScoredClips()
    if not files:
        raise ConfigError(str(folder), expected=f"the recordings of {labels.path.name}", got="none of them")
    if missing := len(labels.strong) - len(files):
        print(f"{missing} of the {len(labels.strong)} labelled recordings are not there", file=sys.stderr)
    found = [Found(name, path) for name, path in files.items()]
    with tqdm(total=len(found), unit="file") as bar:
        for name, tagged in tag_files(found, tagger, lambda line: bar.write(line, file=sys.stderr)):
            bar.update()
            if tagged is None:
                clips.failed.append(name)
            else:
                clips.reference[name], clips.events[name] = labels.strong[name], tagged.events
                clips.tags[name], clips.steps[name] = set(tagged.tags), tagged.steps
    return clips


def detect_scenes(scenes: SceneSet, tagger: Tagger) -> ScoredClips:
    """Run the network over the log-mel of mixed scenes."""
    network = Network(tagger.config.model, "crnn")
    if network.value("embeddings", list):
        raise ConfigError(tagger.config.model.name, expected="a network of log-mel alone", got="one with embeddings")
    if tagger.classes != scenes.classes:
        expected, got = ", ".join(tagger.classes), ", ".join(scenes.classes)
        raise ConfigError("scenes", expected=f"the network's classes, {expected}", got=got)
    steps = np.stack([mel_probabilities(network, mel) for mel in tqdm(scenes.mel, unit="scene")])
    found = detect(scenes.names, steps, scenes.classes, tagger.decision)
    tags = tag(scenes.names, steps, scenes.classes, tagger.levels)
    return ScoredClips(dict(scenes.events), found, tags, dict(zip(scenes.names, steps, strict=True)))


def mel_probabilities(network: Network, mel: np.ndarray) -> Probabilities:
    """Return probabilities (step, class) of a scene's log-mel (frame, mel), followed by silence."""
    ahead: int = network.value("look_ahead", int)
    silence = np.full((STEP_FRAMES * ahead, MEL_BANDS), SILENCE, np.float32)
    network.reset()
    rows: Probabilities = network.run({"mel": np.concatenate([mel.astype(np.float32), silence])})["probability"]
    return rows[ahead:].copy()


def sound_event_metrics(clips: ScoredClips, tagger: Tagger) -> dict[str, float]:
    """Return clip, segment and event F1 and both PSDS, 0 to 1, by the file's decisions.

    As in `offline.evaluation.detection.sound_events_tuning`.
    """
    median = tagger.decision.median
    scores = {name: median_filter(of, (median, 1), mode="constant") for name, of in clips.steps.items()}
    edges = step_edges_s(max(len(of) for of in scores.values()))
    return {
        **evaluate_sound_events(clips.reference, clips.events, tagger.classes, clips.tags),
        "psds_1": psds(clips.reference, scores, edges, tagger.classes, PSDS_1),
        "psds_2": psds(clips.reference, scores, edges, tagger.classes, PSDS_2),
    }


def label_metrics(clips: ScoredClips, classes: tuple[str, ...]) -> dict[str, tuple[float, float, float]]:
    """Return clip, segment and event F1 of each class; NaN where it neither sounds nor is reported."""
    present = {name: {e.label for e in of} for name, of in clips.reference.items()}
    counts = (
        clip_counts(present, clips.tags, classes),
        segment_counts(clips.reference, clips.events, classes),
        event_counts(clips.reference, clips.events, classes),
    )
    return {label: (counts[0][label].f1, counts[1][label].f1, counts[2][label].f1) for label in classes}


def format_event_table(
    measured: Mapping[str, float], classes: Mapping[str, tuple[float, float, float]]
) -> list[list[str]]:
    """Return rows to print: all classes together first (clip and segment micro, event macro), then each class."""
    rows = [["", "clip F1", "segment F1", "event F1", "PSDS 1", "PSDS 2"]]
    rows.append(["all", *(f"{100 * value:.1f}" for value in measured.values())])
    rows += [[label, *(f"{100 * value:.1f}" for value in values), "", ""] for label, values in classes.items()]
    return rows
