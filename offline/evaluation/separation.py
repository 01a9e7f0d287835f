"""Evaluate separation into harmonic and percussive parts: signal-to-distortion ratios over folders of stems.

Each folder in FOLDER is a song, `drums.*` the percussive reference, the sum of the other files the harmonic one, the
sum of all the mixture. Prints the mean over the songs for every method.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
import soundfile

from engine.core.errors import AudioFileError
from engine.core.format import AudioFormat
from engine.core.whole_file import whole_text
from engine.dsp.stft import Istft, Stft
from engine.separation.hpss import TUNED, Hpss, HpssConfig
from offline.run import run
from offline.separation import backfitting

__all__ = ["METHODS", "evaluate_hpss_folder", "evaluate_stems", "global_sdr", "sdr", "si_sdr", "songs"]

Pair = npt.NDArray[np.float32]  # (sample, target, channel): harmonic, percussive
Method = Callable[[Pair, int], Pair]  # from references and sample rate to estimates; all but the oracle use their sum
METRICS = ("SDR", "SI-SDR", "global SDR")


def sdr(reference: Pair, estimate: Pair, sample_rate: int) -> npt.NDArray[np.float64]:
    """Return the SDR of BSS Eval v4 for each target of (sample, target, channel), dB, the median over seconds.

    In version 4 (Stoeter, Liutkus, Ito, LVA/ICA 2018) interference, artifacts and spatial error sum to the whole error,
    so SDR needs none of its filters. As there, windows in which any signal is silent do not count; NaN if none is left.
    """
    n = len(reference) // sample_rate
    windows = [
        signal[: n * sample_rate].reshape(n, sample_rate, *signal.shape[1:]).astype(np.float64)
        for signal in (reference, estimate)
    ]
    power, error, estimated = (
        np.sum(signal**2, axis=(1, 3)) for signal in (windows[0], windows[1] - windows[0], windows[1])
    )
    counted = np.all((power > 0) & (estimated > 0), axis=1)
    return np.median(_db(power[counted], error[counted]), axis=0) if counted.any() else np.full(power.shape[1], np.nan)


def si_sdr(reference: Pair, estimate: Pair) -> npt.NDArray[np.float64]:
    """Return the scale-invariant SDR of each target, dB (Le Roux, Wisdom, Erdogan, Hershey, ICASSP 2019)."""
    reference, estimate = reference.astype(np.float64), estimate.astype(np.float64)
    scale = np.sum(reference * estimate, axis=(0, 2)) / np.sum(reference**2, axis=(0, 2))
    return global_sdr(reference * scale[:, None], estimate)


def global_sdr(reference: Pair, estimate: Pair) -> npt.NDArray[np.float64]:
    """Return power of the reference over power of the error, over the whole song, for each target, dB."""
    reference, estimate = reference.astype(np.float64), estimate.astype(np.float64)
    return _db(np.sum(reference**2, axis=(0, 2)), np.sum((reference - estimate) ** 2, axis=(0, 2)))


def _db(power: npt.NDArray[np.float64], error: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 10 * np.log10(power / np.maximum(error, np.finfo(np.float64).tiny))


def half(reference: Pair, sample_rate: int) -> Pair:
    """Estimate half the mixture for each target: the score of doing nothing."""
    return np.repeat(reference.sum(axis=1, keepdims=True) / 2, 2, axis=1)


def librosa_hpss(reference: Pair, sample_rate: int) -> Pair:
    """Separate by `librosa.decompose.hpss`, the median-filter baseline: 4096/1024, 17 frames and bins, per channel."""
    mixture = reference.sum(axis=1)
    spectra = librosa.stft(mixture.T, n_fft=4096, hop_length=1024)
    parts = librosa.decompose.hpss(spectra, kernel_size=17)
    return np.stack([librosa.istft(part, hop_length=1024, length=len(mixture)).T for part in parts], axis=1)


def oracle(reference: Pair, sample_rate: int) -> Pair:
    """Apply the ratio mask of the references themselves: the limit of a mask."""
    frames = HpssConfig().frames(AudioFormat(sample_rate=sample_rate, n_channels=reference.shape[2]))
    padded = np.concatenate([reference, np.zeros((frames.n_fft, *reference.shape[1:]), np.float32)])
    harmonic, percussive = (Stft(frames).process(padded[:, j]) for j in range(2))
    powers = np.abs(harmonic) ** 2, np.abs(percussive) ** 2
    mask = (powers[0] + 1e-30) / (powers[0] + powers[1] + 2e-30)
    mixture = harmonic + percussive
    stems = Istft(frames, n_targets=2).process(np.stack([mask * mixture, (1 - mask) * mixture], axis=1))
    return stems[frames.latency :][: len(reference)]


def live(config: HpssConfig) -> Method:
    """Separate by streaming."""

    def method(reference: Pair, sample_rate: int) -> Pair:
        audio = AudioFormat(sample_rate=sample_rate, n_channels=reference.shape[2])
        return run(Hpss(audio, config), reference.sum(axis=1))

    return method


def whole(config: HpssConfig) -> Method:
    """Separate the whole file at once."""
    return lambda reference, sample_rate: backfitting.separate_whole(reference.sum(axis=1), sample_rate, config)


METHODS: dict[str, Method] = {
    "mixture / 2": half,
    "librosa, 17 frames, 17 bins": librosa_hpss,
    "live, tuned, look-ahead 8": live(replace(TUNED, look_ahead=8)),
    "live, tuned": live(TUNED),
    "live, tuned, each channel alone": live(replace(TUNED, spatial=False)),
    "live, tuned, 2 iterations": live(replace(TUNED, iterations=2)),
    "live, tuned, look-ahead 4": live(replace(TUNED, look_ahead=4)),
    "live, tuned, look-ahead 2": live(replace(TUNED, look_ahead=2)),
    "live, tuned, look-ahead 0": live(replace(TUNED, look_ahead=0)),
    "live, published, look-ahead 8": live(HpssConfig()),
    "live, published, look-ahead 8, each channel alone": live(HpssConfig(spatial=False)),
    "live, published, look-ahead 8, 2 iterations": live(HpssConfig(iterations=2)),
    "live, published, look-ahead 4": live(HpssConfig(look_ahead=4)),
    "live, published, look-ahead 0": live(HpssConfig(look_ahead=0)),
    "whole file, tuned": whole(TUNED),
    "whole file, tuned, 2 iterations": whole(replace(TUNED, iterations=2)),
    "whole file, published": whole(HpssConfig()),
    "whole file, published, 2 iterations": whole(HpssConfig(iterations=2)),
    "oracle ratio mask": oracle,
}


def songs(folder: Path, start_s: float = 0, seconds: float | None = None) -> Iterator[tuple[str, Pair, int]]:
    """Yield the songs of a folder: name, references (sample, target, channel), rate; from start_s on, for `seconds`."""
    for song in sorted(path for path in folder.iterdir() if path.is_dir()):
        stems = {}
        for path in sorted(song.iterdir()):
            with soundfile.SoundFile(path) as file:
                rate = file.samplerate
                n = -1 if seconds is None else round(seconds * rate)
                file.seek(min(round(start_s * rate), file.frames))
                stems[path.stem] = file.read(n, dtype="float32", always_2d=True)
        drums = stems.pop("drums")
        yield song.name, np.stack([np.sum(list(stems.values()), axis=0), drums], axis=1), rate


def evaluate_stems(
    folder: Path, methods: dict[str, Method], start_s: float = 0, seconds: float | None = None
) -> dict[str, npt.NDArray]:
    """Return scores of each method: (song, metric, target), dB, metrics as in METRICS, of that part of every song."""
    scores: dict[str, list[npt.NDArray]] = {name: [] for name in methods}
    for _, reference, rate in songs(folder, start_s, seconds):
        for name, method in methods.items():
            estimate = method(reference, rate)
            rows = sdr(reference, estimate, rate), si_sdr(reference, estimate), global_sdr(reference, estimate)
            scores[name].append(np.array(rows))
    return {name: np.array(rows) for name, rows in scores.items()}


def evaluate_hpss_folder(
    folder: Path, *, csv: Path | None = None, seconds: float | None = None, start_s: float = 0
) -> None:
    """Print the mean scores of all methods over the songs of a folder; csv: the same as a file."""
    if not any(place.is_dir() and any(place.glob("drums.*")) for place in folder.glob("*")):
        raise AudioFileError(str(folder), expected="folders of stems, each with drums.wav", got="none")
    header = ["method", *(f"{metric} {part}" for metric in METRICS for part in ("H", "P", "mean"))]
    table = [header]
    for name, rows in evaluate_stems(folder, METHODS, start_s, seconds).items():
        table.append([name, *(f"{value:.2f}" for h, p in rows.mean(axis=0) for value in (h, p, (h + p) / 2))])
    for row in table:
        print(row[0].ljust(max(len(name[0]) for name in table)), *(cell.rjust(len(header[-3])) for cell in row[1:]))
    if csv is not None:
        with whole_text(csv) as file:
            file.writelines(",".join(f'"{cell}"' for cell in row) + "\n" for row in table)
