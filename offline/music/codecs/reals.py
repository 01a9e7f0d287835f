"""Music as real numbers: note tuples, sound in mu-law steps, and magnitude spectra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offline.music.piece import NOTE, Piece

__all__ = ["MuLaw", "NoteTuples", "Spectra"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteTuples:
    """Notes as (length, frequency, intensity, time since the note before), as in C-RNN-GAN.

    Scaled for a network: lengths and times log(1 + steps), pitch from -1 (MIDI 21) to 1 (MIDI 108) instead of hertz,
    so that semitones are equal steps; intensity 0 to 1. The inverse rounds.
    """

    low: int = 21
    high: int = 108

    def encode(self, piece: Piece) -> np.ndarray:
        """Return notes (note, 4) float32, in order of onset, then pitch."""
        notes = piece.notes
        waits = np.diff(notes["onset"], prepend=0)
        pitch = (notes["pitch"] - self.low) / (self.high - self.low) * 2 - 1
        columns = [np.log1p(notes["duration"]), pitch, notes["velocity"] / 127, np.log1p(waits)]
        return np.stack(columns, axis=1).astype(np.float32)

    def decode(self, rows: np.ndarray) -> Piece:
        """Return the piece, all in voice 0."""
        notes = np.zeros(len(rows), NOTE)
        wild = np.nan_to_num(rows.astype(np.float64), nan=0.0, posinf=6.0, neginf=-6.0)
        notes["duration"] = np.clip(np.rint(np.expm1(np.clip(wild[:, 0], 0, 6))), 1, None)
        pitch = (np.clip(wild[:, 1], -1, 1) + 1) / 2 * (self.high - self.low) + self.low
        notes["pitch"] = np.rint(pitch)
        notes["velocity"] = np.clip(np.rint(wild[:, 2] * 127), 1, 127)
        notes["onset"] = np.cumsum(np.rint(np.expm1(np.clip(wild[:, 3], 0, 6))))
        end = int((notes["onset"] + notes["duration"]).max()) if len(notes) else 0
        return Piece(notes=np.sort(notes, order=["onset", "voice", "pitch"]), n_steps=end)


@dataclass(frozen=True, slots=True, kw_only=True)
class MuLaw:
    """Sound as one of n_tokens steps, finer near silence (ITU-T G.711's law, continuous form)."""

    n_tokens: int = 256

    def encode(self, samples: np.ndarray) -> np.ndarray:
        """Return tokens, int64, of samples from -1 to 1."""
        mu = self.n_tokens - 1
        clipped = np.clip(samples, -1, 1)
        squeezed = np.sign(clipped) * np.log1p(mu * np.abs(clipped)) / np.log1p(mu)
        return np.asarray(((squeezed + 1) / 2 * mu + 0.5).astype(np.int64))

    def decode(self, tokens: np.ndarray) -> np.ndarray:
        """Return samples, float32, of tokens."""
        mu = self.n_tokens - 1
        squeezed = tokens / mu * 2 - 1
        return np.asarray((np.sign(squeezed) * np.expm1(np.abs(squeezed) * np.log1p(mu)) / mu).astype(np.float32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectra:
    """Magnitude spectra of overlapping Hann windows, compressed to log(1 + 1000 |X|) (deepAC).

    Decoding starts from phases that advance with the nearest spectral peak (Laroche & Dolson 1999), so that partials
    stay whole, and improves them by Griffin and Lim's iteration (1984).
    """

    n_fft: int = 1024
    hop: int = 256
    n_iterations: int = 20
    quiet: float = 0.1  # what is below is no sound, but an error of the decoder

    def _window(self) -> np.ndarray:
        return np.hanning(self.n_fft + 1)[:-1]

    def _stft(self, samples: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(samples, self.n_fft)[:: self.hop]
        return np.fft.rfft(frames * self._window(), axis=1)

    def _phases(self, magnitude: np.ndarray) -> np.ndarray:
        """Return phases (frame, bin), of unit length, each bin turning with the frequency of its nearest peak."""
        bins, angles = np.arange(magnitude.shape[1]), np.zeros(magnitude.shape)
        angle = np.asarray(2 * np.pi * np.random.default_rng(0).random(magnitude.shape[1]))
        for t, row in enumerate(magnitude):
            padded = np.pad(row, 1)
            peaks = np.flatnonzero((row >= padded[:-2]) & (row > padded[2:]))
            if len(peaks):
                left, top, right = (np.log(padded[peaks + k] + 1e-9) for k in (0, 1, 2))
                place = peaks + np.clip(0.5 * (left - right) / np.minimum(left - 2 * top + right, -1e-9), -0.5, 0.5)
                nearest = np.abs(bins[:, None] - peaks).argmin(axis=1)
                turned = angle[peaks] + 2 * np.pi * place * self.hop / self.n_fft
                angle = turned[nearest] + np.pi * (bins - peaks[nearest])
            angles[t] = angle
        return np.exp(1j * angles)

    def _istft(self, spectra: np.ndarray) -> np.ndarray:
        window = self._window()
        frames = np.fft.irfft(spectra, self.n_fft, axis=1) * window
        out = np.zeros((len(frames) - 1) * self.hop + self.n_fft)
        weight = np.full_like(out, 1e-8)
        for t, frame in enumerate(frames):
            span = slice(t * self.hop, t * self.hop + self.n_fft)
            out[span] += frame
            weight[span] += window**2
        return out / np.maximum(weight, 0.1)

    def encode(self, samples: np.ndarray) -> np.ndarray:
        """Return spectra (frame, bin) float32."""
        return np.asarray(np.log1p(1000 * np.abs(self._stft(samples)) / self.n_fft).astype(np.float32))

    def decode(self, frames: np.ndarray) -> np.ndarray:
        """Return samples, float32."""
        magnitude = np.expm1(np.where(frames < self.quiet, 0, frames)) * self.n_fft / 1000
        phase = self._phases(magnitude)
        for _ in range(self.n_iterations):
            estimate = self._stft(self._istft(magnitude * phase))
            phase = estimate / np.maximum(np.abs(estimate), 1e-9)
        return self._istft(magnitude * phase).astype(np.float32)
