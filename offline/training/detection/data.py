"""Batches of scenes to train a sound event network on, from any mixture of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.core.errors import ConfigError
from models.detection.config import CrnnConfig, EmbeddingInput
from offline.datasets.scenes import KNOWN, SceneSet, open_scene_set
from offline.training.detection.augment import augment
from offline.training.detection.config import DetectionTraining, SceneAugmentation

__all__ = [
    "STRONG",
    "UNLABELLED",
    "WEAK",
    "SceneBatch",
    "SceneBatches",
    "SceneSource",
    "embedding_input",
    "fused_embeddings",
    "group_scenes",
    "join_scenes",
    "open_groups",
    "scene_sources",
]

UNLABELLED, WEAK, STRONG = 0, 1, 2
Embeddings = tuple[npt.NDArray[np.float16], ...]


@dataclass(frozen=True, slots=True)
class SceneSource:
    """Scenes to draw from.

    scenes: the set
    known: labels that may be used: UNLABELLED, WEAK or STRONG
    n_per_batch: scenes of this source in each batch
    chosen: numbers of the scenes to draw from; all, if None
    """

    scenes: SceneSet
    known: int
    n_per_batch: int
    chosen: Sequence[int] | npt.NDArray[np.int64] | None = None


class SceneBatch(NamedTuple):
    """Log-mel (batch, frame, mel), labels (batch, step, class), what is known of them (batch), embeddings."""

    mel: Tensor
    labels: Tensor
    known: Tensor
    embeddings: tuple[Tensor, ...]


class SceneBatches:
    """Draw augmented batches by number, so that a resumed run continues with the batches that it would have had.

    ConfigError if the scenes have other classes than the network, or embeddings that cannot follow the augmentation.
    """

    def __init__(
        self, network: CrnnConfig, sources: Sequence[SceneSource], augmentation: SceneAugmentation, seed: int = 0
    ) -> None:
        for source in sources:
            if source.scenes.classes != network.classes:
                expected, got = ", ".join(network.classes), ", ".join(source.scenes.classes)
                raise ConfigError("scenes", expected=expected, got=got)
        if network.embeddings and (augmentation.shift or augmentation.stretch or augmentation.overlay):
            remedy = "leave --embedding out, or --shift, --stretch and --overlay"
            raise ConfigError("embeddings", expected="none with scenes that are moved", got="some", remedy=remedy)
        self.network, self.sources, self.augmentation, self.seed = network, list(sources), augmentation, seed
        self._resident: dict[int, tuple[Tensor, ...]] = {}  # sets of scenes in the memory of an accelerator

    def batch(self, index: int, device: torch.device) -> SceneBatch:
        """Draw batch number `index` onto the device and augment it."""
        rng = np.random.default_rng([self.seed, index])
        drawn = self.draw(rng, device)
        mel, labels = augment(drawn.mel, drawn.labels, drawn.known, self.augmentation, rng)
        return drawn._replace(mel=mel, labels=labels)

    def draw(self, rng: np.random.Generator, device: torch.device) -> SceneBatch:
        """Draw scenes of every source as they are."""
        parts, known = [], []
        for source in self.sources:
            among = np.arange(len(source.scenes)) if source.chosen is None else np.asarray(source.chosen)
            parts.append(self._rows(source.scenes, np.sort(rng.choice(among, source.n_per_batch)), device))
            known += [source.known] * source.n_per_batch
        mel, labels, *embeddings = (torch.cat(columns).float() for columns in zip(*parts, strict=True))
        return SceneBatch(mel, labels, torch.tensor(known, device=device), tuple(embeddings))

    def _rows(self, scenes: SceneSet, rows: npt.NDArray[np.int64], device: torch.device) -> tuple[Tensor, ...]:
        """Bring scenes to the device: from the files to a CPU, from its own memory on an accelerator."""
        arrays: tuple[npt.NDArray[Any], ...] = (scenes.mel, scenes.steps, *fused_embeddings(self.network, scenes))
        if device.type == "cpu":
            return tuple(torch.from_numpy(a[rows]) for a in arrays)
        if id(scenes) not in self._resident:
            self._resident[id(scenes)] = tuple(torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in arrays)
        chosen = torch.from_numpy(rows).to(device)
        return tuple(values[chosen] for values in self._resident[id(scenes)])


def fused_embeddings(network: CrnnConfig, scenes: SceneSet) -> Embeddings:
    """Return the embeddings of a set that the network fuses, in its order; ConfigError if the set lacks one."""
    found = []
    for wanted in network.embeddings:
        given = scenes.embeddings.get(wanted.name)
        if given is None or given.shape[2] != wanted.n_in:
            got = "none" if given is None else str(given.shape[2])
            raise ConfigError(f"embedding {wanted.name} of the set", expected=f"{wanted.n_in} numbers a step", got=got)
        found.append(given)
    return tuple(found)


def embedding_input(text: str, scenes: SceneSet) -> EmbeddingInput:
    """Read `NAME` or `NAME=SIZE`, an embedding of the scenes and the size that it is projected to."""
    name, _, size = text.partition("=")
    if name not in scenes.embeddings or not (size or "1").isdecimal():
        have = ", ".join(scenes.embeddings) or "no embedding"
        raise ConfigError("--embedding", expected=f"NAME or NAME=SIZE, of what the sets have: {have}", got=text)
    return EmbeddingInput(name=name, n_in=scenes.embeddings[name].shape[2], n_out=int(size or 16))


def scene_sources(config: DetectionTraining, groups: Mapping[str, SceneSet]) -> list[SceneSource]:
    """Divide a batch among labelled scenes and, for a mean teacher, as many unlabelled ones.

    groups: scenes by what is known of them; where `config.labelled` is below 1, the rest counts as unlabelled
    """
    rng = np.random.default_rng(config.seed)
    labelled: list[tuple[SceneSet, int, npt.NDArray[np.int64]]] = []
    others: list[tuple[SceneSet, int, npt.NDArray[np.int64]]] = []
    for name, scenes in groups.items():
        order = rng.permutation(len(scenes))
        n = 0 if name == "unlabelled" else max(round(config.labelled * len(scenes)), 1)
        known = STRONG if name == config.labels == "strong" else WEAK
        if n:
            labelled.append((scenes, known, order[:n]))
        if config.teacher and n < len(scenes):
            others.append((scenes, UNLABELLED, order[n:]))
    n_others = config.batch // 2 if others else 0
    return [*_share(labelled, config.batch - n_others), *_share(others, n_others)]


def _share(parts: list[tuple[SceneSet, int, npt.NDArray[np.int64]]], n_scenes: int) -> list[SceneSource]:
    """Give each part an equal share of the scenes of a batch."""
    n, more = divmod(n_scenes, max(len(parts), 1))
    return [SceneSource(scenes, known, n + (i < more), chosen) for i, (scenes, known, chosen) in enumerate(parts)]


def open_groups(folders: Sequence[Path]) -> dict[str, SceneSet]:
    """Open sets of scenes and join them by what is known of them."""
    return group_scenes([open_scene_set(folder) for folder in folders])


def group_scenes(sets: Sequence[SceneSet]) -> dict[str, SceneSet]:
    """Join sets by what is known of them, labelled ones first; ConfigError if none is labelled."""
    groups = {name: [each for each in sets if each.known == name] for name in KNOWN}
    if not (groups["strong"] or groups["weak"]):
        raise ConfigError("--sets", expected="at least one set with labels", got="unlabelled ones only")
    return {name: join_scenes(group) for name, group in groups.items() if group}


def join_scenes(sets: Sequence[SceneSet]) -> SceneSet:
    """Join sets into one; a single set stays memory-mapped, several are read into memory."""
    if len(sets) == 1:
        return sets[0]
    first = sets[0]
    for each in sets[1:]:
        if each.classes != first.classes or each.mel.shape[1:] != first.mel.shape[1:]:
            expected, got = (f"{', '.join(s.classes)} in {s.mel.shape[1]} frames" for s in (first, each))
            raise ConfigError("sets of scenes", expected=expected, got=got)
    events = {name: intervals for each in sets for name, intervals in each.events.items()}
    mel, steps = np.concatenate([each.mel for each in sets]), np.concatenate([each.steps for each in sets])
    common = [name for name in first.embeddings if all(name in each.embeddings for each in sets)]
    embeddings = {name: np.concatenate([each.embeddings[name] for each in sets]) for name in common}
    return SceneSet(first.classes, mel, steps, events, first.known, embeddings)
