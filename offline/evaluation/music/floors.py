"""The musical floors: what every system writes, measured beside what it learnt from; tables, cards and references."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.errors import ConfigError
from offline.evaluation.music.distance_overlap import distance_overlap
from offline.evaluation.music.excerpts import measures_of, reference_values, table_of
from offline.evaluation.music.note_measures import measure_notes
from offline.evaluation.music.sound_measures import measure_sound
from offline.generation.cards import FLOORS_FILE, FOLDER, LEAST_OVERLAP
from offline.generation.config import GeneratorConfig
from offline.generation.open_system import open_generator, open_sound, system_of
from offline.generation.stream import collect
from offline.generation.systems import System
from offline.music.corpora import Corpora

__all__ = [
    "CorpusValues",
    "Floors",
    "floors_table",
    "measure_system",
    "rate_of",
    "reference_key",
    "references",
    "shipped_reference",
    "write_csv",
    "write_floors",
]

QUARTERS_A_BAR = 4
SOUND_S = 4.05  # of a sound: the length of the corpus' excerpts
N_CORPUS = 100  # excerpts of a corpus that are kept
DRAWS = 20
HALVES = tuple(f"{part} {what}" for part in ("samples", "train", "valid") for what in ("mean", "deviation"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusValues:
    """What a corpus measures in a system's representation.

    train, valid: (excerpt, measure)
    """

    train: np.ndarray
    valid: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """What a system reaches.

    samples: (seed, measure)
    overlap: (measure,) shared with the training corpus, 0 to 1
    ceiling: (measure,) what as many excerpts of the validation half share with it, in the mean of many draws
    """

    system: System
    reference: CorpusValues
    samples: np.ndarray
    overlap: np.ndarray
    ceiling: np.ndarray

    @property
    def worst(self) -> int:
        """The measure of the least overlap."""
        return int(self.overlap.argmin())

    @property
    def reached(self) -> bool:
        """Whether every overlap is at least LEAST_OVERLAP."""
        return bool(self.overlap.min() >= LEAST_OVERLAP)


def references(
    corpora: Corpora, system: System, *, bars: int, rate: int, n_most: int | None = N_CORPUS
) -> CorpusValues:
    """Measure a system's corpus; of many excerpts every k-th is taken."""
    values = []
    for split in ("train", "valid"):
        found = reference_values(corpora, system, split, bars * QUARTERS_A_BAR, rate)
        if not len(found):
            expected = f"music of {bars} bars in the {split} split for {system.name}"
            raise ConfigError("--data", expected=expected, got="none so long")
        values.append(found[:: -(-len(found) // n_most)] if n_most else found)
    return CorpusValues(train=values[0], valid=values[1])


def reference_key(system: System, rate: int) -> str:
    """Return the name of a system's reference in the shipped file."""
    return f"{system.view} {rate}" if system.sound else system.view


def shipped_reference(system: System, rate: int, folder: Path = FOLDER) -> CorpusValues:
    """Return what the corpus of a shipped system measured when its floors were written."""
    path, key = folder / FLOORS_FILE, reference_key(system, rate)
    if path.exists():
        with np.load(path) as file:
            if f"{key}/train" in file:
                return CorpusValues(train=file[f"{key}/train"].astype(float), valid=file[f"{key}/valid"].astype(float))
    raise ConfigError("--data", expected=f"the corpus of {system.name}", got="nothing", remedy="give its folder")


def measure_system(
    model: str, reference: CorpusValues, seeds: Sequence[int], *, bars: int, config: GeneratorConfig | None = None
) -> Floors:
    """Write music with every seed and compare it with the reference."""
    system, base = system_of(model), config or GeneratorConfig()
    measures = measures_of(system)
    samples = table_of([_measured(model, replace(base, seed=seed), bars) for seed in seeds], measures)
    pairs = [(reference.train[:, i], one.step) for i, one in enumerate(measures)]
    overlap = [distance_overlap(samples[:, i], corpus, step) for i, (corpus, step) in enumerate(pairs)]
    return Floors(
        system=system,
        reference=reference,
        samples=samples,
        overlap=np.array(overlap),
        ceiling=_ceiling(reference, [step for _, step in pairs], len(samples)),
    )


def _measured(model: str, config: GeneratorConfig, bars: int) -> dict[str, float]:
    sound = open_sound(model, config)
    if sound is not None:
        return measure_sound(sound.samples(SOUND_S), sound.rate)
    generator = open_generator(model, config)
    piece = collect(generator, bars * QUARTERS_A_BAR * generator.steps_per_quarter)
    return measure_notes(piece)


def _ceiling(reference: CorpusValues, steps: list[float], n: int) -> np.ndarray:
    """Return the overlap of `n` excerpts of the validation split, in the mean of DRAWS draws."""
    rng, size = np.random.default_rng(0), min(n, len(reference.valid))
    draws = [rng.choice(len(reference.valid), size, replace=False) for _ in range(DRAWS)]
    corpus = enumerate(steps)
    means = [
        [distance_overlap(reference.valid[rows, i], reference.train[:, i], step) for rows in draws]
        for i, step in corpus
    ]
    return np.array(means).mean(axis=1)


def rate_of(model: str) -> int:
    """Return the sample rate of a system that writes sound, 0 of others."""
    sound = open_sound(model, GeneratorConfig())
    return 0 if sound is None else int(sound.rate)


def floors_table(rows: Sequence[Floors]) -> str:
    """Return what every system reaches in every measure, and below each the validation split's."""
    lines = []
    for kind in dict.fromkeys(measures_of(row.system) for row in rows):
        of_kind = [row for row in rows if measures_of(row.system) == kind]
        lines.append(f"{'overlap':16}" + "".join(f"{one.name:>12}" for one in kind) + "   least")
        for row in of_kind:
            lines.append(_line(row.system.name, row.overlap) + ("" if row.reached else f"   below {LEAST_OVERLAP}"))
            lines.append(_line("  corpus", row.ceiling))
    return "\n".join(lines)


def _line(name: str, values: np.ndarray) -> str:
    return f"{name:16}" + "".join(f"{value:12.2f}" for value in values) + f"{values.min():8.2f}"


def write_csv(path: Path, rows: Sequence[Floors]) -> None:
    """Write a row for every system and measure."""
    with path.open("w", newline="", encoding="utf8") as file:
        writer = csv.writer(file)
        writer.writerow(("system", "measure", "overlap", "validation", *HALVES))
        for row in rows:
            halves = (row.samples, row.reference.train, row.reference.valid)
            for i, one in enumerate(measures_of(row.system)):
                spreads = [f"{f(half[:, i]):.4f}" for half in halves for f in (np.mean, np.std)]
                writer.writerow((row.system.name, one.name, f"{row.overlap[i]:.4f}", f"{row.ceiling[i]:.4f}", *spreads))


def write_floors(rows: Sequence[Floors], rates: Sequence[int], folder: Path = FOLDER) -> None:
    """Write what each system reaches onto its card, and what the corpora measure into one file."""
    path = folder / FLOORS_FILE
    arrays: dict[str, Any] = {}
    if path.exists():
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
    for row, rate in zip(rows, rates, strict=True):
        key = reference_key(row.system, rate)
        arrays[f"{key}/train"] = row.reference.train.astype(np.float32)
        arrays[f"{key}/valid"] = row.reference.valid.astype(np.float32)
        names = [one.name for one in measures_of(row.system)]
        overlaps = dict(zip(names, row.overlap.round(2).tolist(), strict=True))
        write_section(folder / f"{row.system.weights}.toml", f'floors."{row.system.name}"', overlaps)
    np.savez_compressed(path, **arrays)


def write_section(path: Path, name: str, values: dict[str, float]) -> None:
    """Write a table of numbers at the end of a TOML file, in place of one of the same name."""
    head, parts = f"[{name}]", re.split(r"(?m)^(?=\[)", path.read_text(encoding="utf8"))
    kept = [part.rstrip("\n") for part in parts if not part.startswith(head + "\n")]
    lines = [head, *(f"{json.dumps(key)} = {value}" for key, value in values.items())]
    path.write_text("\n\n".join([*kept, "\n".join(lines)]) + "\n", encoding="utf8")
