"""How a recording sounds at another pace, beside Rubber Band and Signalsmith Stretch on the same sound.

    python -m benchmarks.stretch

The peers are `pip install python-stretch pylibrb`; the page says where they are absent. Music is what lies beside the
project (../shared/data); without it only the test signal is measured. What took part in choosing the settings (the
songs lithium and potassium, one sonata, one violin) is left out.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
import scipy.signal
import soundfile

from benchmarks.rows import Row
from engine.accompaniment.backing.recording import BackingRecording
from engine.accompaniment.backing.stretch import TimeStretch
from engine.core.format import AudioFormat

RATE = 44100
SHARED = Path(__file__).parents[2] / "shared" / "data"
SECONDS = 6.0
PACES = (0.5, 0.75, 1.4, 2.0)
TONES_HZ = (220.0, 331.0, 497.0, 883.0)
SONGS = ("caesium", "rubidium", "sodium")
SOLOS = {
    "piano": ("duo/mozart_k332_1_piano/solo.ogg", "alignment/asap_Haydn_Keyboard_Sonatas_48-2_GarritsonL03M"),
    "violin, flute": ("alignment/violin_oliver-colbentson_bwv1006_mov4", "duo/mozart_k283_2_flute/solo.ogg"),
}
N_FFT, HOP = 2048, 512
FLOOR = 1e-3  # of the largest bin, -60 dB: below it nothing is compared
SHIFT = 1024  # samples by which a peer's output may be off its place
NEAR = 441  # samples, 10 ms
RISE_DB = 4.0  # of an onset that counts as an attack

Audio = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Stretcher = Callable[[Audio, float], Audio]


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one system: log-spectral distance and change of the attacks' rise, dB, and CPU seconds a second."""

    distance_db: float
    attack_db: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.distance_db:.2f} dB, attacks {self.attack_db:+.1f} dB, {100 * self.cpu:.1f} % of a core"


def ours(audio: Audio, pace: float) -> Audio:
    """Our stretch over a whole recording."""
    node = TimeStretch(BackingRecording(AudioFormat(sample_rate=RATE, n_channels=audio.shape[1]), [audio]))
    places = pace * np.arange(int(len(audio) / pace) + node.latency)
    blocks = [node.process(places[i : i + 1024]).copy() for i in range(0, len(places), 1024)]
    return np.concatenate(blocks)[node.latency :]


def signalsmith(module: Any, audio: Audio, pace: float) -> Audio:
    """Signalsmith Stretch with its default preset."""
    node = module.Signalsmith.Stretch(1)
    node.preset(audio.shape[1], RATE)
    node.setTimeFactor(pace)
    return np.asarray(node.process(np.ascontiguousarray(audio.T))).T


def rubber_band(module: Any, engine: str, audio: Audio, pace: float) -> Audio:
    """Rubber Band, offline, which studies the whole recording first."""
    options = module.Option.PROCESS_OFFLINE | module.Option.THREADING_NEVER | getattr(module.Option, engine)
    node = module.RubberBandStretcher(
        sample_rate=RATE, channels=audio.shape[1], options=options, initial_time_ratio=1 / pace
    )
    rows, block, out = np.ascontiguousarray(audio.T), 4096, []
    node.set_expected_input_duration(rows.shape[1])
    node.set_max_process_size(block)
    starts = range(0, rows.shape[1], block)
    for start in starts:
        node.study(rows[:, start : start + block], final=start == starts[-1])
    for start in starts:
        node.process(rows[:, start : start + block], final=start == starts[-1])
        while node.available() > 0:
            out.append(node.retrieve_available().copy())
    return np.concatenate(out, axis=1).T


def peers() -> dict[str, Stretcher]:
    """The peers that are installed, by name."""
    found: dict[str, Stretcher] = {}
    if (module := _module("pylibrb")) is not None:
        found["Rubber Band R3"] = lambda audio, pace: rubber_band(module, "ENGINE_FINER", audio, pace)
        found["Rubber Band R2"] = lambda audio, pace: rubber_band(module, "ENGINE_FASTER", audio, pace)
    if (smith := _module("python_stretch")) is not None:
        found["Signalsmith"] = lambda audio, pace: signalsmith(smith, audio, pace)
    return found


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def clicks_and_tones(pace: float) -> tuple[Audio, Floats]:
    """Four tones and bursts of noise of 1.5 ms, as they ought to be at a pace, and when the bursts come."""
    n = int(SECONDS * RATE / pace)
    t, random = np.arange(n) / RATE, np.random.default_rng(0)
    sound = sum(0.1 * np.sin(2 * np.pi * hz * t) for hz in TONES_HZ)
    at_s = np.arange(0.5, SECONDS - 0.5, 0.23) / pace
    for start in (at_s * RATE).astype(int):
        sound[start : start + 64] += 0.7 * random.standard_normal(64) * np.exp(-np.arange(64) / 12)
    return sound[:, None].astype(np.float32), at_s


def spectra(audio: Audio, middle: Floats) -> Floats:
    """Magnitudes of the frames around these samples."""
    mono = np.pad(audio.mean(axis=1), N_FFT)
    starts = np.clip(np.round(middle).astype(int), 0, len(audio) - 1) + N_FFT // 2
    frames = np.lib.stride_tricks.sliding_window_view(mono, N_FFT)[starts]
    return np.abs(np.fft.rfft(frames * np.hanning(N_FFT)))


def distance_db(expected: Floats, found: Floats) -> float:
    """Mean over frames of the root mean square of the difference of log spectra (Gray and Markel 1976)."""
    floor = FLOOR * expected.max()
    difference = 20 * np.log10((expected + floor) / (found + floor))
    return float(np.sqrt((difference**2).mean(axis=1)).mean())


def placed(audio: Audio, expected: Floats, middle: Floats) -> tuple[int, float]:
    """The shift at which a system's output fits best, and its distance there: peers are not charged for a delay."""
    shifts = range(-SHIFT, SHIFT + 1, 128)
    return min(((s, distance_db(expected, spectra(audio, middle + s))) for s in shifts), key=lambda row: row[1])


def rises_db(audio: Audio, at_s: Floats) -> Floats:
    """Steepest rise of the level above 200 Hz, over 5 ms, within 10 ms of each time; NaN too near an end."""
    high = scipy.signal.butter(2, 200, "high", fs=RATE, output="sos")
    power = np.convolve((scipy.signal.sosfiltfilt(high, audio, axis=0).mean(axis=1)) ** 2, np.ones(220) / 220, "valid")
    level = 10 * np.log10(power + 1e-8)
    rise, middles = level[220:] - level[:-220], np.round(at_s * RATE).astype(int) - 220
    inside = [2 * NEAR < m < len(rise) - 2 * NEAR for m in middles]
    return np.array([rise[m - NEAR : m + NEAR].max() if ok else np.nan for m, ok in zip(middles, inside, strict=True)])


def measure(system: Stretcher, audio: Audio, pace: float, at_s: Floats) -> Measured:
    """Figures of one system on one recording at one pace; its onsets are at `at_s`."""
    begin = time.process_time()
    out = system(audio, pace)
    cpu = (time.process_time() - begin) / (len(out) / RATE)
    middle = np.arange(N_FFT, len(audio) / pace - N_FFT, HOP)
    shift, distance = placed(out, spectra(audio, middle * pace), middle)
    own = rises_db(audio, at_s)
    change = rises_db(out, at_s / pace + shift / RATE) - own
    strong = (own > RISE_DB) & np.isfinite(change)
    return Measured(distance, float(change[strong].mean()) if strong.any() else 0.0, cpu)


def mean(figures: Sequence[Measured]) -> Measured:
    """The mean of figures."""
    rows = np.array([[each.distance_db, each.attack_db, each.cpu] for each in figures])
    return Measured(*rows.mean(axis=0).tolist())


def materials() -> Mapping[str, list[Audio]]:
    """Music, by kind; none where there is no data."""
    if not SHARED.is_dir():
        return {}
    kinds = {"songs with drums, stereo": [_song(SHARED / "stems" / song) for song in SONGS]}
    for kind, names in SOLOS.items():
        kinds[kind] = [_excerpt(_recording(SHARED / name), 10.0) for name in names]
    return kinds


def _recording(path: Path) -> Path:
    return path if path.is_file() else next(path.glob("performance.*"))


def _excerpt(path: Path, start_s: float) -> Audio:
    start, n = int(start_s * RATE), int(SECONDS * RATE)
    return np.asarray(soundfile.read(path, start=start, frames=n, dtype="float32", always_2d=True)[0])


def _song(folder: Path) -> Audio:
    return np.asarray(sum(_excerpt(path, 40.0) for path in sorted(folder.iterdir()) if path.suffix != ".md"))


def rows() -> Iterator[Row]:
    """All rows of this page."""
    others = peers()
    ours(clicks_and_tones(1.0)[0][:RATE], 0.9)  # compiles
    for pace in PACES:
        what = f"tones and clicks at pace {pace:g}: distance from the ideal, energy of a click within 10 ms (ideal 1)"
        theirs = [f"{_clicks(system, pace)}, {name}" for name, system in others.items()]
        yield Row(what=what, ours=_clicks(ours, pace), peer=_said(theirs), ratio="", agreement="")
    for kind, recordings in materials().items():
        yield from _music(kind, recordings, others)


def _said(theirs: Sequence[str]) -> str:
    return "; ".join(theirs) if theirs else "not installed"


def _clicks(system: Stretcher, pace: float) -> str:
    ideal, at_s = clicks_and_tones(pace)
    out = system(clicks_and_tones(1.0)[0], pace)
    middle = np.arange(N_FFT, len(ideal) - N_FFT, HOP)
    shift, distance = placed(out, spectra(ideal, middle), middle)
    energies = _treble(out, at_s + shift / RATE) / _treble(ideal, at_s)
    return f"{distance:.2f} dB, {energies.mean():.2f} +- {energies.std():.2f}"


def _treble(audio: Audio, at_s: Floats) -> Floats:
    """Energy above 5 kHz within 10 ms of each time."""
    high = scipy.signal.butter(4, 5000, "high", fs=RATE, output="sos")
    energy = np.cumsum(scipy.signal.sosfiltfilt(high, audio[:, 0]) ** 2)
    middle = np.round(at_s * RATE).astype(int)
    return energy[middle + NEAR] - energy[middle - NEAR]


def _music(kind: str, recordings: Sequence[Audio], others: Mapping[str, Stretcher]) -> Iterator[Row]:
    onsets = [librosa.onset.onset_detect(y=a.mean(axis=1), sr=RATE, units="time", backtrack=True) for a in recordings]
    for pace in PACES:

        def figures(system: Stretcher, pace: float = pace) -> Measured:
            return mean([measure(system, a, pace, at_s) for a, at_s in zip(recordings, onsets, strict=True)])

        mine, theirs = figures(ours), {name: figures(system) for name, system in others.items()}
        best = min((each.distance_db for each in theirs.values()), default=np.nan)
        yield Row(
            what=f"{kind}, {len(recordings)} x {SECONDS:g} s at pace {pace:g}: log-spectral distance, rise of attacks",
            ours=str(mine),
            peer=_said([f"{each}, {name}" for name, each in theirs.items()]),
            ratio=f"{best - mine.distance_db:+.2f} dB" if theirs else "",
            agreement="ratio: of distances, over the best peer",
        )


if __name__ == "__main__":
    for line in rows():
        print(f"{line.what}: {line.ours} | {line.peer} | {line.ratio} | {line.agreement}", flush=True)
