"""Evaluate separation into harmonic and percussive parts: signal-to-distortion ratios over folders of stems.

Each folder in FOLDER is a song, `drums.*` the percussive reference, the sum of its other stems, vocals among them, the
harmonic one (as in FitzGerald et al. 2014, section IV), the sum of all the mixture. Prints a row a song for the methods
to be compared, then the mean over the songs for every method. A figure that a song does not define, because one of its
references is silent, is left out and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
from engine.separation.config import TUNED, HpssConfig
from engine.separation.hpss import Hpss
from offline.evaluation.onsets import in_columns
from offline.run import run
from offline.separation import backfitting
from offline.synthesis.multitrack import Corpus, Song, find_songs

__all__ = [
    "COMPARED",
    "METHODS",
    "SEPARATION_METRICS",
    "evaluate_hpss_folder",
    "evaluate_stems",
    "global_sdr",
    "hpss_scores",
    "mean_scores",
    "sdr",
    "si_sdr",
    "song_table",
    "songs",
    "undefined_figures",
]

Pair = npt.NDArray[np.float32]  # (sample, target, channel): harmonic, percussive
Method = Callable[[Pair, int], Pair]  # from references and sample rate to estimates; all but the oracle use their sum
SEPARATION_METRICS = ("SDR", "SI-SDR", "global SDR")
PARTS = ("harmonic", "percussive")
DRUMS = "drums"
HEADER = ["method", *(f"{metric} {part}" for metric in SEPARATION_METRICS for part in ("H", "P", "mean"))]
ROUNDING_DB = 140.0  # a ratio beyond this is rounding of float32: the estimate is the reference, or a multiple of it
Scores = npt.NDArray[np.float64]  # (metric, target), dB


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
    return 10 * np.log10(power / np.maximum(error, 1e-30 * power))


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
    "live, tuned": live(TUNED),
    "live, tuned, each channel alone": live(replace(TUNED, spatial=False)),
    "live, tuned, 2 iterations": live(replace(TUNED, iterations=2)),
    "live, tuned, look-ahead 5": live(replace(TUNED, look_ahead=5)),
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


COMPARED = (
    "mixture / 2",
    "librosa, 17 frames, 17 bins",
    "live, published, look-ahead 8",
    "live, tuned",
    "live, tuned, look-ahead 0",
)


def songs(folder: Path, start_s: float = 0, seconds: float | None = None) -> Iterator[tuple[str, Pair, int]]:
    """Yield the songs of a folder: name, references (sample, target, channel), rate; from start_s on, for `seconds`.

    AudioFileError if no song has drums, or if its stems have different sample rates.
    """
    found = [song for song in find_songs(Corpus(folder=folder), needed=False) if DRUMS in song.stems]
    if not found:
        raise AudioFileError(str(folder), expected="folders of stems, each with drums.wav", got="none")
    for song in found:
        stems, rate = _read(song, start_s, seconds)
        drums = stems.pop(DRUMS)
        rest = np.sum(list(stems.values()), axis=0) if stems else np.zeros_like(drums)
        yield song.name, np.stack([rest, drums], axis=1), rate


def _read(song: Song, start_s: float, seconds: float | None) -> tuple[dict[str, Pair], int]:
    """Return that part of every stem (sample, channel), all of one length and number of channels, and their rate."""
    stems, rates = {}, {}
    for name, path in song.stems.items():
        with soundfile.SoundFile(path) as file:
            rates[name] = rate = file.samplerate
            file.seek(min(round(start_s * rate), file.frames))
            stems[name] = file.read(-1 if seconds is None else round(seconds * rate), dtype="float32", always_2d=True)
    if len(set(rates.values())) > 1:
        got = ", ".join(f"{name} {rate} Hz" for name, rate in rates.items())
        raise AudioFileError(str(song.stems[DRUMS].parent), expected="stems of one sample rate", got=got)
    longest, widest = (max(stem.shape[axis] for stem in stems.values()) for axis in (0, 1))
    return {name: _fitted(stem, longest, widest) for name, stem in stems.items()}, rate


def _fitted(stem: Pair, n_samples: int, n_channels: int) -> Pair:
    """Return a stem with silence behind it, and with a mono stem in every channel."""
    wide = np.repeat(stem, n_channels, axis=1) if stem.shape[1] == 1 else stem
    return np.pad(wide, ((0, n_samples - len(stem)), (0, n_channels - wide.shape[1])))


def hpss_scores(reference: Pair, estimate: Pair, sample_rate: int) -> Scores:
    """Return each metric of each target: (metric, target), dB; NaN for a silent target, and for no error at all.

    Where one target is silent, the other is measured alone: no window of the whole would count.
    """
    out = np.full((len(SEPARATION_METRICS), reference.shape[1]), np.nan)
    sounding = reference.any(axis=(0, 2))
    if sounding.any():
        pair = reference[:, sounding], estimate[:, sounding]
        out[:, sounding] = sdr(*pair, sample_rate), si_sdr(*pair), global_sdr(*pair)
    return np.where(out < ROUNDING_DB, out, np.nan)


def evaluate_stems(
    folder: Path, methods: dict[str, Method], start_s: float = 0, seconds: float | None = None
) -> dict[str, dict[str, Scores]]:
    """Return the scores (metric, target) of each method, dB, for that part of every song, by its name."""
    scores: dict[str, dict[str, Scores]] = {name: {} for name in methods}
    for song, reference, rate in songs(folder, start_s, seconds):
        for name, method in methods.items():
            scores[name][song] = hpss_scores(reference, method(reference, rate), rate)
    return scores


def mean_scores(rows: Iterable[Scores]) -> Scores:
    """Return the mean of each figure over the songs that define it; NaN if none does."""
    stack = np.stack(list(rows))
    defined = ~np.isnan(stack)
    total = np.where(defined, stack, 0).sum(axis=0)
    return np.where(defined.any(axis=0), total / np.maximum(defined.sum(axis=0), 1), np.nan)


def evaluate_hpss_folder(
    folder: Path, *, csv: Path | None = None, seconds: float | None = None, start_s: float = 0
) -> None:
    """Print the scores of each song, and the mean of all methods over the songs; csv: every figure as a file."""
    scores = evaluate_stems(folder, METHODS, start_s, seconds)
    print(in_columns(song_table(scores)))
    print()
    means = {name: mean_scores(by_song.values()) for name, by_song in scores.items()}
    print(in_columns([HEADER, *([name, *_cells(values)] for name, values in means.items())]))
    for line in undefined_figures(scores):
        print(line)
    if csv is not None:
        rows = [[song, name, *_cells(values)] for name, each in scores.items() for song, values in each.items()]
        rows += [["mean", name, *_cells(values)] for name, values in means.items()]
        with whole_text(csv) as file:
            file.writelines(",".join(f'"{cell}"' for cell in row) + "\n" for row in [["song", *HEADER], *rows])


def song_table(scores: dict[str, dict[str, Scores]]) -> list[list[str]]:
    """Return a row a song: SDR of BSS Eval v4 and global SDR, means of the targets, of the methods to be compared."""
    compared = [name for name in COMPARED if name in scores]
    header = ["SDR / global SDR, dB, mean of H and P", *compared]
    table = [[song, *(_pair(scores[name][song]) for name in compared)] for song in scores[compared[0]]]
    return [header, *table]


def undefined_figures(scores: dict[str, dict[str, Scores]]) -> Iterator[str]:
    """Yield a line for each song whose references do not define all figures."""
    for song, values in next(iter(scores.values())).items():
        silent = [name for name, column in zip(PARTS, values.T, strict=True) if np.isnan(column).all()]
        if silent:
            yield f"{song}: the {' and '.join(silent)} reference is silent; its figures are undefined and left out"
        elif np.isnan(values).any():
            yield f"{song}: a figure is undefined or infinite and left out"


def _pair(values: Scores) -> str:
    """The means over the targets that sound: SDR and global SDR."""
    return " / ".join(_cell(float(mean_scores(values[metric])[()])) for metric in (0, 2))


def _cells(values: Scores) -> list[str]:
    return [_cell(float(value)) for h, p in values for value in (h, p, (h + p) / 2)]


def _cell(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"
