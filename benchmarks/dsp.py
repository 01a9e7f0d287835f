"""Kernels and separation, beside numpy's, scipy's, bottleneck's and librosa's in the same run: CPU time of one thread.

python -m benchmarks.dsp
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import bottleneck
import librosa
import numpy as np
import numpy.typing as npt
import scipy.ndimage
import scipy.signal
from numba import njit

from benchmarks.rows import Row
from engine.core.format import AudioFormat
from engine.dsp.median import aligned, median_bins, median_rows, network, over_frequency, over_time, row_stride
from engine.dsp.stft import Istft, Stft
from engine.separation.config import TUNED, HpssConfig
from engine.separation.hpss import Hpss
from offline.run import run

REPEATS, CALLS = 15, 100
RATE, N_BINS, SPAN = 44100, 2049, 17
STEREO = AudioFormat(sample_rate=RATE, n_channels=2)
FRAMES = HpssConfig().frames(STEREO)
RNG = np.random.default_rng(0)

Audio = npt.NDArray[np.float32]


def rows() -> Iterator[Row]:
    """All rows of this page."""
    audio = music(10)
    yield from medians()
    yield from transforms(audio)
    yield from separations(audio)


def seconds(call: Callable[[], Any], calls: int = CALLS, repeats: int = REPEATS) -> float:
    """CPU time of this thread for one call: the median over repeats, after a first that does not count."""
    call()
    times = []
    for _ in range(repeats):
        begin = time.thread_time()
        for _ in range(calls):
            call()
        times.append((time.thread_time() - begin) / calls)
    return float(np.median(times))


def row(what: str, ours: float, peer: float, name: str, agreement: str, unit: tuple[float, str]) -> Row:
    """Two times in seconds as a row, in a unit (factor, name)."""
    factor, symbol = unit
    return Row(
        what=what,
        ours=f"{ours * factor:.3g} {symbol}",
        peer=f"{peer * factor:.3g} {symbol}, {name}",
        ratio=f"{peer / ours:.1f}",
        agreement=agreement,
    )


@njit(nogil=True)
def repeat_rows(network: Any, ring: Any, n: int, out: Any) -> None:
    """The median over time n times, one value of the ring new each time, so that no call can be left out."""
    for r in range(n):
        ring[r % len(ring), r % len(out)] *= np.float32(0.999)
        median_rows(network, ring, out)


@njit(nogil=True)
def repeat_bins(network: Any, padded: Any, n: int, out: Any) -> None:
    """The median over frequency n times, one value new each time."""
    for r in range(n):
        padded[r % len(padded)] *= np.float32(0.999)
        median_bins(network, padded, out)


def medians() -> Iterator[Row]:
    """Running medians of one row of 2049 bins, over time and over frequency."""
    padded, out = RNG.random(N_BINS + SPAN - 1).astype(np.float32), aligned(N_BINS)
    ring = aligned(SPAN, row_stride(N_BINS))
    ring[:, :N_BINS] = RNG.random((SPAN, N_BINS))
    newest = ring[:, :N_BINS]
    n = 200  # rows in one call of the kernel, so that Python's part does not count
    over_bins = seconds(lambda: repeat_bins(network(SPAN), padded, n, out), 1) / n
    unit = 1e9 / N_BINS, "ns a bin"
    peer = seconds(lambda: bottleneck.move_median(padded, SPAN))
    exact = np.abs(out - bottleneck.move_median(padded, SPAN)[SPAN - 1 :]).max()
    what = f"median of {SPAN} over frequency, {N_BINS} bins"
    yield row(what, over_bins, peer, "bottleneck.move_median", f"max error {exact:.0e}", unit)
    over_rows = seconds(lambda: repeat_rows(network(SPAN), ring, n, out), 1) / n
    peer = seconds(lambda: np.median(newest, axis=0), 3)
    exact = np.abs(out - np.median(newest, axis=0)).max()
    what = f"median of {SPAN} over time, {N_BINS} bins"
    yield row(what, over_rows, peer, "numpy.median of the ring", f"max error {exact:.0e}", unit)
    values = RNG.random((200, N_BINS)).astype(np.float32)
    for name, ours, size in (("time", over_time, (SPAN, 1)), ("frequency", over_frequency, (1, SPAN))):
        mode = "constant" if name == "time" else "reflect"
        mine = seconds(lambda f=ours: f(values, SPAN), 1) / len(values)
        peer = seconds(lambda s=size, m=mode: scipy.ndimage.median_filter(values, size=s, mode=m), 1, 3) / len(values)
        exact = np.abs(ours(values, SPAN) - scipy.ndimage.median_filter(values, size=size, mode=mode)).max()
        what = f"median of {SPAN} over {name}, 200 whole frames"
        yield row(what, mine, peer, "scipy.ndimage.median_filter", f"max error {exact:.0e}", unit)


def transforms(audio: Audio) -> Iterator[Row]:
    """One stereo hop of 4096/1024 there and back, Python's part included; peers over ten seconds at once."""
    n_hops = len(audio) // FRAMES.hop
    stft, istft = Stft(FRAMES), Istft(FRAMES)
    hop = audio[: FRAMES.hop]
    unit = 1e6, "us a hop"
    spectra = Stft(FRAMES).process(audio)
    padded = np.pad(audio.T, ((0, 0), (FRAMES.latency, 0)))

    def peer() -> npt.NDArray[np.complex64]:
        return librosa.stft(padded, n_fft=FRAMES.n_fft, hop_length=FRAMES.hop, center=False)

    error = np.abs(peer().transpose(2, 0, 1)[: len(spectra)] - spectra).max() / np.abs(spectra).max()
    mine, theirs = seconds(lambda: stft.process(hop)), seconds(peer, 1) / n_hops
    yield row("STFT, stereo", mine, theirs, "librosa.stft, whole file", f"max error {error:.0e} of the maximum", unit)
    transform = scipy.signal.ShortTimeFFT(scipy.signal.windows.hann(FRAMES.n_fft, sym=False), FRAMES.hop, RATE)
    theirs = seconds(lambda: transform.stft(audio.T), 1) / n_hops
    yield row("STFT, stereo", mine, theirs, "scipy.signal.ShortTimeFFT, whole file", "the same windows", unit)
    one = spectra[:1].copy()
    whole = np.ascontiguousarray(spectra.transpose(1, 2, 0))
    mine = seconds(lambda: istft.process(one))
    theirs = seconds(lambda: librosa.istft(whole, hop_length=FRAMES.hop, center=False), 1) / n_hops
    back = Istft(FRAMES).process(spectra)[FRAMES.latency :]
    error = np.abs(back - audio[: len(back)]).max() / audio.std()
    agreement = f"the input comes back to {error:.0e} of its spread"
    yield row("ISTFT, stereo", mine, theirs, "librosa.istft, whole file", agreement, unit)


def separations(audio: Audio) -> Iterator[Row]:
    """One stereo hop through the whole separation, STFT to ISTFT, beside librosa's median filters alone."""
    spectra = librosa.stft(audio.T, n_fft=FRAMES.n_fft, hop_length=FRAMES.hop)

    def librosa_hop(span: tuple[int, int]) -> float:
        call = lambda: librosa.decompose.hpss(spectra, kernel_size=span)  # noqa: E731
        return seconds(call, 1, 3) / spectra.shape[2]

    published = librosa_hop((SPAN, SPAN))
    yield separation("as published, each channel alone", HpssConfig(spatial=False), audio, published)
    yield separation("as published, spatial", HpssConfig(), audio, published)
    yield separation("as published, spatial, 2 iterations", HpssConfig(iterations=2), audio, published)
    theirs = librosa_hop((TUNED.frames_harmonic, TUNED.span_percussive))
    yield separation("tuned", TUNED, audio, theirs)
    yield separation("tuned, with residual", replace(TUNED, residual=True), audio, theirs)


def separation(name: str, config: HpssConfig, audio: Audio, peer: float) -> Row:
    """The row of one configuration."""
    hpss = Hpss(STEREO, config)
    hops = audio[: len(audio) // FRAMES.hop * FRAMES.hop].reshape(-1, FRAMES.hop, 2)

    def turn() -> None:
        for hop in hops:
            hpss.process(hop)

    ours = seconds(turn, 1) / len(hops)
    error = np.abs(run(Hpss(STEREO, config), audio).sum(axis=1) - audio).max() / audio.std()
    what = f"separation, one stereo hop of {FRAMES.hop}, {name}"
    agreement = f"targets add up to the input to {error:.0e} of its spread"
    if not config.spatial:
        agreement += f"; {_baseline(config, audio):.0e} from the baseline in scipy"
    return row(what, ours, peer, "librosa.decompose.hpss without transforms", agreement, (1e6, "us"))


def _baseline(config: HpssConfig, audio: Audio) -> float:
    """Largest distance from the median-filter baseline in double precision, of the input's spread."""
    spectra = Stft(FRAMES).process(np.pad(audio, ((0, FRAMES.n_fft), (0, 0))))
    powers = np.abs(spectra.astype(np.complex128)) ** 2
    harmonic = scipy.ndimage.median_filter(powers, size=(config.frames_harmonic, 1, 1), mode="constant")
    percussive = scipy.ndimage.median_filter(powers, size=(1, 1, config.span_percussive), mode="reflect")
    targets = (harmonic / (harmonic + percussive) * spectra).astype(np.complex64)
    expected = Istft(FRAMES).process(targets)[FRAMES.latency :][: len(audio)]
    return float(np.abs(run(Hpss(STEREO, config), audio)[:, 0] - expected).max() / audio.std())


def music(duration_s: float) -> Audio:
    """Chords that change, noise bursts on every beat and a little hiss: stereo."""
    t = np.arange(round(duration_s * RATE)) / RATE
    roots = np.array([220.0, 246.9, 196.0, 164.8])[(t // 2).astype(int) % 4]
    chord = sum(np.sin(2 * np.pi * np.cumsum(roots * ratio) / RATE) for ratio in (1, 1.25, 1.5, 2, 3))
    bursts = RNG.standard_normal(len(t)) * np.exp(-30 * (t % 0.5))
    pans = np.array([[0.12, 0.08], [0.1, 0.2]])
    hiss = 1e-3 * RNG.standard_normal((len(t), 2))
    return (np.stack([chord, bursts], axis=1) @ pans + hiss).astype(np.float32)


if __name__ == "__main__":
    for line in rows():
        print(f"{line.what}: {line.ours} | {line.peer} | {line.ratio} | {line.agreement}", flush=True)
