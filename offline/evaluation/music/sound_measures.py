"""Measures of generated sound that tell music from noise, drones, clicks and silence."""

from __future__ import annotations

import numpy as np

from offline.evaluation.music.note_measures import Measure

__all__ = ["SOUND_MEASURES", "measure_sound"]

SOUND_MEASURES = (
    Measure(name="level", text="root mean square, dB of full scale", step=1.0),
    Measure(name="crest", text="peak above the root mean square, dB", step=1.0),
    Measure(name="clicks", text="largest step between samples, ends to silence too, above the mean step, dB", step=1.0),
    Measure(name="flatness", text="spectral flatness where it sounds, dB: 0 is white noise", step=1.0),
    Measure(name="brightness", text="spectral centroid where it sounds, octaves above 100 Hz", step=0.1),
    Measure(name="change", text="mean change of the spectrum between frames, share of its length", step=0.02),
    Measure(name="silence", text="share of frames below -50 dB", step=0.02),
)
FRAME_S, HOP_S, QUIET_DB, TINY = 0.064, 0.032, -50.0, 1e-12


def measure_sound(samples: np.ndarray, rate: int) -> dict[str, float]:
    """Return the value of every measure of a sound (sample,) by name."""
    samples = samples.astype(np.float64)
    level = float(np.sqrt(np.mean(samples**2)))
    steps = np.diff(np.concatenate([[0.0], samples, [0.0]]))
    spectra, loud = _spectra(samples, rate)
    return {
        "level": _db(level),
        "crest": _db(float(np.abs(samples).max()) / max(level, TINY)),
        "clicks": _db(float(np.abs(steps).max()) / max(float(np.sqrt(np.mean(steps**2))), TINY)),
        **_shape(spectra[loud], rate),
        "silence": float(1 - loud.mean()),
    }


def _db(ratio: float) -> float:
    return float(20 * np.log10(max(ratio, TINY)))


def _spectra(samples: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Return magnitudes (frame, bin), and which frames are not silent."""
    n, hop = round(FRAME_S * rate), round(HOP_S * rate)
    padded = np.concatenate([samples, np.zeros(max(n - len(samples), 0))])
    frames = np.lib.stride_tricks.sliding_window_view(padded, n)[::hop]
    loud = np.sqrt(np.mean(frames**2, axis=1)) > 10 ** (QUIET_DB / 20)
    return np.abs(np.fft.rfft(frames * np.hanning(n), axis=1))[:, 1:], loud


def _shape(spectra: np.ndarray, rate: int) -> dict[str, float]:
    """Return flatness, brightness and change of the spectra (frame, bin) that sound; 0 dB, 0 and 0 without any."""
    if not len(spectra):
        return {"flatness": 0.0, "brightness": 0.0, "change": 0.0}
    power = spectra**2 + TINY
    flatness = 10 * np.log10(np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1))
    hertz = np.arange(1, spectra.shape[1] + 1) * rate / 2 / spectra.shape[1]
    centroid = (spectra * hertz).sum(axis=1) / np.maximum(spectra.sum(axis=1), TINY)
    unit = spectra / np.maximum(np.linalg.norm(spectra, axis=1, keepdims=True), TINY)
    change = np.linalg.norm(np.diff(unit, axis=0), axis=1)
    return {
        "flatness": float(flatness.mean()),
        "brightness": float(np.log2(np.maximum(centroid, 1.0) / 100).mean()),
        "change": float(change.mean()) if len(change) else 0.0,
    }
