"""How well a salience tells which keys sound: average precision and F1, frame by frame and key by key."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from engine.dsp.harmonic import HcqtConfig, harmonic_bins
from offline.training.common.precision import autocast
from offline.training.salience.data import PlacedNotes, SalienceSet, salience_targets

__all__ = [
    "average_precision",
    "best_f1",
    "key_rolls",
    "keys_of",
    "measure_constant_q",
    "measure_network",
    "predict",
    "stack_harmonics",
    "stacked_set",
]

Floats = npt.NDArray[np.float32]
SOUNDS = 0.5  # of a target: all of a note, and the frame or two that are nearest its onset


def keys_of(salience: Floats, bins_per_octave: int) -> Floats:
    """Salience of keys (frame, key) from that of bins (frame, bin), a key at bin 0: the largest near each key.

    Bins count the less the farther they are, none beyond half a semitone.
    """
    each = bins_per_octave // 12
    sides = each // 2
    padded = np.pad(salience, ((0, 0), (sides, sides)))
    n_bins = salience.shape[1]
    near = [(1 - abs(i) / each) * padded[:, sides + i : sides + i + n_bins : each] for i in range(-sides, sides + 1)]
    return np.asarray(np.maximum.reduce(near), np.float32)


def key_rolls(notes: PlacedNotes, n_frames: int, config: HcqtConfig) -> npt.NDArray[np.bool_]:
    """Which keys sound, and which begin (2, frame, key), each note at the key that it is nearest to."""
    each = config.bins_per_octave // 12
    tuned = PlacedNotes(start=notes.start, end=notes.end, place=np.round(notes.place / each) * each)
    return salience_targets(tuned, n_frames, config.n_bins, config.bins_per_octave)[:, :, ::each] > SOUNDS


def _curve(score: Floats, truth: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Precision and recall when the 1, 2, ... highest scores count as found."""
    order = np.argsort(-score.ravel(), kind="stable")
    hits = np.cumsum(truth.ravel()[order])
    return hits / np.arange(1, len(hits) + 1), hits / max(int(hits[-1]), 1)


def average_precision(score: Floats, truth: npt.NDArray[np.bool_]) -> float:
    """The area under precision over recall, all frames and keys together, as scikit-learn has it."""
    precision, recall = _curve(score, truth)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def best_f1(score: Floats, truth: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """The largest F1 that any threshold gives, and that threshold."""
    precision, recall = _curve(score, truth)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = int(f1.argmax())
    return float(f1[best]), float(-np.sort(-score.ravel(), kind="stable")[best])


def stack_harmonics(wide: Tensor, bins: Tensor) -> Tensor:
    """Harmonic constant-Q (..., harmonic, bin) from the wide one (..., bin), as `engine.dsp.harmonic.Hcqt` has it."""
    return nn.functional.pad(wide, (0, 1))[..., bins]


def stacked_set(recordings: SalienceSet, i: int) -> Tensor:
    """The harmonic constant-Q (frame, harmonic, bin) of recording i."""
    wide = torch.from_numpy(recordings.recordings[i].cqt.astype(np.float32))
    return stack_harmonics(wide, torch.from_numpy(harmonic_bins(recordings.config)))


def predict(model: nn.Module, hcqt: Tensor, *, mixed: bool = False) -> Floats:
    """Salience (frame, map, bin) of one whole recording (frame, harmonic, bin); the model is in evaluation mode."""
    device = next(model.parameters()).device
    with torch.inference_mode(), autocast(device, enabled=mixed):
        logits = model(hcqt[None].to(device))[0]
    return np.asarray(torch.sigmoid(logits.float()).cpu().numpy())


def measure_network(model: nn.Module, recordings: SalienceSet, *, mixed: bool = False) -> dict[str, float]:
    """Measure a network, as `measure_salience`."""
    return measure_salience(lambda i: predict(model, stacked_set(recordings, i), mixed=mixed), recordings)


def measure_constant_q(recordings: SalienceSet) -> dict[str, float]:
    """Measure plain constant-Q magnitudes, each frame's loudest bin 1, and of their rise."""

    def plain(i: int) -> Floats:
        log = recordings.recordings[i].cqt[:, : recordings.config.n_bins].astype(np.float32)
        magnitude = np.expm1(log)
        level = magnitude / np.maximum(magnitude.max(axis=1, keepdims=True), 1.0)
        return np.stack([level, np.maximum(np.diff(log, axis=0, prepend=log[:1]), 0)], axis=1)

    return measure_salience(plain, recordings)


def measure_salience(salience: Callable[[int], Floats], recordings: SalienceSet) -> dict[str, float]:
    """Cross-entropy, average precision and best F1 of keys in frames, and the same of onsets; all recordings at once.

    salience: gives (frame, map, bin) of a recording by its number.
    """
    config = recordings.config
    scores: list[list[np.ndarray]] = [[], []]
    truths: list[list[np.ndarray]] = [[], []]
    entropy = []
    for i in range(len(recordings)):
        found = salience(i)
        _, wanted = recordings.whole(i)
        p = np.clip(found[:, 0], 1e-7, 1 - 1e-7)
        entropy.append(float(-(wanted[0] * np.log(p) + (1 - wanted[0]) * np.log(1 - p)).mean()))
        keys = key_rolls(recordings.recordings[i].notes, len(found), config)
        for m in range(found.shape[1]):
            scores[m].append(keys_of(found[:, m], config.bins_per_octave))
            truths[m].append(keys[m])
    out = {"cross_entropy": float(np.mean(entropy))}
    for name, score, truth in zip(("", "onset_"), scores, truths, strict=True):
        if score:
            all_scores, all_truths = np.concatenate(score), np.concatenate(truth)
            out[name + "average_precision"] = average_precision(all_scores, all_truths)
            out[name + "f1"], out[name + "threshold"] = best_f1(all_scores, all_truths)
    return out
