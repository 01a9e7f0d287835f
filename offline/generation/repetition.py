"""Detection of repetitions: a guess at the next frame from an earlier passage that agrees with the present one.

A recurrent network forgets a phrase of eight bars ago; chorales repeat phrases note for note. For each lag in whole
beats this counts since when present and past agree, in all voices and in each of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["N_AGREED", "Repetition", "repetitions"]

BEAT, NEAREST, FURTHEST = 4, 8, 512  # frames
# Note changes that agreed, from which each class of confidence begins; class 0: no repetition.
AGREED = np.array([1, 2, 3, 4, 6, 9, 16])
N_AGREED = len(AGREED) + 1
Tokens = npt.NDArray[np.int64]


class Repetition:
    """Guess the next frame (voice,) of tokens from the frames so far."""

    def __init__(self, n_voices: int) -> None:
        self.n_voices = n_voices
        self._lags = np.arange(NEAREST, FURTHEST + 1, BEAT)
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._past = np.zeros((0, self.n_voices), np.int64)  # the newest first
        self._agreed = np.zeros((len(self._lags), self.n_voices + 1), np.int64)  # changes; the last of all voices

    def accept(self, frame: Tokens) -> None:
        """Take a frame (voice,) of tokens."""
        n = np.searchsorted(self._lags, len(self._past), "right")  # how many of the lags have a past
        same = self._past[self._lags[:n] - 1] == frame
        changed = frame != self._past[0] if len(self._past) else np.zeros(self.n_voices, bool)
        same = np.column_stack([same, same.all(1)])
        new = np.append(changed, changed.any())
        self._agreed[:n] = np.where(same, self._agreed[:n] + new, 0)
        self._past = np.concatenate([frame[None], self._past[: FURTHEST - 1]])

    def guess(self) -> tuple[Tokens, Tokens]:
        """Return tokens and confidence, (2, voice): where all voices agree longest, and where each voice does."""
        tokens, confidence = np.zeros((2, 2, self.n_voices), np.int64)
        n = np.searchsorted(self._lags, len(self._past), "right")
        if not n:
            return tokens, confidence
        best = self._agreed[:n].argmax(0)  # the nearest of those that agree equally long
        voice = np.arange(self.n_voices)
        tokens[0], tokens[1] = self._past[self._lags[best[-1]] - 1], self._past[self._lags[best[:-1]] - 1, voice]
        agreed = self._agreed[best, np.arange(self.n_voices + 1)]
        confidence[0], confidence[1] = _class(agreed[-1:]), _class(agreed[:-1])
        return np.where(confidence > 0, tokens, 0), confidence


def _class(agreed: Tokens) -> Tokens:
    return np.searchsorted(AGREED, agreed, "right")


def repetitions(tokens: Tokens) -> tuple[Tokens, Tokens]:
    """Return the guess after each frame of tokens (frame, voice): tokens and confidence, each (frame, 2, voice)."""
    repetition = Repetition(tokens.shape[1])
    guessed, confidence = np.zeros((2, len(tokens), 2, tokens.shape[1]), np.int64)
    for t, frame in enumerate(tokens):
        repetition.accept(frame)
        guessed[t], confidence[t] = repetition.guess()
    return guessed, confidence
