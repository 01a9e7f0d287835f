"""The player of C-RBM: Gibbs sampling under the constraints of a template (Lattner et al. 2016, section 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from offline.generation.players.rolls import RollPlayer
from offline.generation.stream import Segment, changes_of
from offline.music.codecs import Roll
from offline.music.sampling import NoteRates, draw_held, note_rates, raise_steps

__all__ = ["ConvRbmPlayer", "beat_means", "fill_gaps", "metre_pull", "similarity_pull", "tonality_pull"]

BEAT, BAR, WINDOW = 4, 16, 16  # steps: of a beat, of a bar, and around each step, by which its key is estimated
Pull = Callable[[np.ndarray, np.ndarray], np.ndarray]


class ConvRbmPlayer(RollPlayer):
    """Write a piece by Gibbs sampling with descent between rounds towards structure, tonality and metre of a template.

    Other than in the paper each round is drawn as notes that are held, of as many pitches at each step as the template
    has in the mean, the gradients are those of whole beats, and a pitch that comes back within a beat goes on. Without
    that, bits of a step are drawn for themselves, and flicker.
    """

    names, ROUNDS, STRENGTH = ("Roll",), 40, 0.5  # nats of each constraint's gradient, root mean square
    LAST, WHOLE, REDRAWN = 10, 0.5, 3  # rounds whose inputs are averaged; share of whole beats; draws for the density

    def start(self) -> None:
        """Start; a segment is a whole piece."""
        self.n_maps, self.low = self.files.size("n_maps"), self.files.value("low", int)
        self.templates = self.files.array("templates")
        self.codec = Roll(low=self.low, high=self.low + self.templates.shape[1] - 1, articulate=False)

    def write(self, given: np.ndarray) -> Segment:
        """Write a piece as long as its template."""
        template = self.templates[int(self.rng.integers(len(self.templates)))].astype(np.float32)
        rates = note_rates([template.T])
        v, kept = self.chance(np.full(template.shape, rates.density / len(template))), []
        for _ in range(self.ROUNDS):
            sample, logits = self.round(v)
            pulls = sum(self._scaled(pull, sample, template) for pull in CONSTRAINTS)
            kept.append(raise_steps((logits - pulls).T, rates.density))
            v = draw_held(kept[-1], rates, self.rng)[0].T
        bits = self._last(np.mean(kept[-self.LAST :], axis=0), rates)
        return Segment(n_steps=len(bits), changes=changes_of(self.codec.decode(bits).notes))

    def _last(self, logits: np.ndarray, rates: NoteRates) -> np.ndarray:
        """Draw the piece (step, pitch), so densely that it has the template's density after gaps are filled."""
        logits = (1 - self.WHOLE) * logits + self.WHOLE * beat_means(logits.T).T
        density = rates.density
        for _ in range(self.REDRAWN):
            wanted = raise_steps(logits / self.config.temperature, density)
            bits = fill_gaps(draw_held(wanted, replace(rates, density=density), self.rng)[0])
            density *= rates.density / max(float(bits.sum(axis=1).mean()), 1e-3)
        return bits

    def _scaled(self, pull: Pull, sample: np.ndarray, template: np.ndarray) -> np.ndarray:
        gradient = pull(sample, template) if pull is metre_pull else beat_means(pull(sample, template))
        return np.asarray(self.STRENGTH * gradient / max(float(np.sqrt(np.mean(gradient**2))), 1e-9))

    def round(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return a sample from v (pitch, step), and the mean-field inputs from that, both (pitch, step)."""
        random = {"for_hidden": self.rng.random((self.n_maps, v.shape[1])), "for_visible": self.rng.random(v.shape)}
        out = self.net.run({"v": v[None], **{name: x[None].astype(np.float32) for name, x in random.items()}})
        return out["sample"][0], out["logits"][0]


def beat_means(v: np.ndarray) -> np.ndarray:
    """Return v (pitch, step) with every step the mean of its beat."""
    padded = np.pad(v, ((0, 0), (0, -v.shape[1] % BEAT)), mode="edge")
    return np.repeat(padded.reshape(len(v), -1, BEAT).mean(axis=2), BEAT, axis=1)[:, : v.shape[1]]


def fill_gaps(bits: np.ndarray) -> np.ndarray:
    """Return bits (step, pitch) in which a pitch that comes back within a beat goes on."""
    out = bits.copy()
    for column in out.T:
        on = np.flatnonzero(column)
        for end, again in pairwise(on):
            if again - end <= BEAT:
                column[end:again] = 1
    return out


def column_similarity(v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the cosine products of all steps of v (pitch, step), the unit columns, and the lengths (step,)."""
    lengths = np.maximum(np.linalg.norm(v, axis=0), 1e-6)
    unit = v / lengths
    return unit.T @ unit, unit, lengths


def similarity_pull(v: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Return the gradient for v (pitch, step) of the squared distance of its self-similarity from the template's."""
    found, unit, lengths = column_similarity(v)
    gradient = 4 * unit @ (found - column_similarity(template)[0])
    along = np.where(lengths > 1e-6, (unit * gradient).sum(axis=0), 0)
    return np.asarray((gradient - unit * along) / lengths)


def tonality_pull(v: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Return how much more each pitch class sounds around each step of v (pitch, step) than in the template."""
    more = _classes(v) - _classes(template)
    return np.asarray(np.resize(more, (12 * -(-len(v) // 12), v.shape[1]))[: len(v)])


def _classes(v: np.ndarray) -> np.ndarray:
    """Return the share of each pitch class, counted from the lowest row, in a window around each step, (12, step)."""
    folded = np.zeros((12, v.shape[1]))
    for row, line in enumerate(v):
        folded[row % 12] += line
    window = np.stack([np.convolve(line, np.ones(WINDOW), mode="same") for line in folded])
    return np.asarray(window / np.maximum(window.sum(axis=0), 1e-6))


def metre_pull(v: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Return how much more notes begin at each place of the bar in v (pitch, step) than in the template.

    A note begins less where it is off, or sounded before: the gradient at a step, less that at the step after.
    """
    more = _begun(v) - _begun(template)
    along = np.resize(more, v.shape[1])
    return np.broadcast_to(along - np.roll(along, -1), v.shape)


def _begun(v: np.ndarray) -> np.ndarray:
    """Return the share of onsets at each place of the bar, (BAR,)."""
    begun = np.maximum(np.diff(v, axis=1, prepend=0), 0).sum(axis=0)
    counts = np.bincount(np.arange(len(begun)) % BAR, begun, BAR)
    return np.asarray(counts / max(counts.sum(), 1e-6))


CONSTRAINTS: tuple[Pull, ...] = (similarity_pull, tonality_pull, metre_pull)
