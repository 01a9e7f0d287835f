"""Front ends by name: librosa's numbers where it has them, the same features at every rate, and their instants."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from engine.core.errors import ConfigError
from engine.core.format import AudioFormat
from engine.dsp.constant_q import C2_HZ, Cqt, CqtConfig
from engine.dsp.frontends import FRONT_ENDS, FrontEndConfig, front_end
from engine.dsp.magnitude import fold_weights
from tests.engine.dsp.test_constant_q import mono, music
from tests.tolerances import CONSTANT_Q, FLOAT32

RATE = 44100
MUSIC = music(RATE, 3.0)


def frames_like_librosa(name: str, config: FrontEndConfig) -> np.ndarray:
    """Frames that begin at sample 0, 1024, ...: the first one of ours reaches one hop before."""
    return front_end(name, mono(RATE), config).process(MUSIC[:, None])[1:]


def test_stft_is_librosas() -> None:
    ours = frames_like_librosa("stft", FrontEndConfig(compression=0.0, n_bins=1025))
    theirs = np.abs(librosa.stft(MUSIC, n_fft=2048, hop_length=1024, window="hamming", center=False)).T
    theirs = theirs / np.hamming(2049)[:-1].sum()
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= FLOAT32 * theirs.std()


def test_chroma_is_librosas() -> None:
    ours = frames_like_librosa("chroma", FrontEndConfig())
    spectrum = np.abs(librosa.stft(MUSIC, n_fft=2048, hop_length=1024, window="hamming", center=False)) ** 2
    theirs = librosa.feature.chroma_stft(S=spectrum.astype(np.float64), sr=RATE, tuning=0).T
    assert np.abs(ours - theirs).max() <= FLOAT32 * 10 * theirs.std()  # float32 power spans ten decades


@pytest.mark.parametrize("bins", [12, 24, 36])
@pytest.mark.parametrize("low_hz", [C2_HZ, 55.0])
def test_folding_is_librosas(bins: int, low_hz: float) -> None:
    theirs = librosa.filters.cq_to_chroma(5 * bins, bins_per_octave=bins, fmin=low_hz)
    assert np.array_equal(fold_weights(low_hz, bins, 5 * bins), theirs)


@pytest.mark.parametrize("bins", [24, 36])
def test_constant_q_chroma_is_librosas(bins: int) -> None:
    ours = front_end("cqt_chroma", mono(RATE), FrontEndConfig(bins_per_octave=bins)).process(MUSIC[:, None])
    cqt = Cqt(CqtConfig(bins_per_octave=bins), mono(RATE)).process(MUSIC[:, None])
    theirs = librosa.feature.chroma_cqt(C=cqt.T.astype(np.float64), fmin=C2_HZ, bins_per_octave=bins).T
    loud = cqt.sum(axis=1) > 0.01
    assert np.abs(ours - theirs)[loud].max() <= FLOAT32


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_every_rate_gives_as_many_features_a_second(name: str) -> None:
    found = [front_end(name, mono(rate)) for rate in (22050, 44100, 48000, 96000)]
    assert len({node.n_features for node in found}) == 1
    for node, rate in zip(found, (22050, 44100, 48000, 96000), strict=True):
        assert node.hop / rate == pytest.approx(1024 / 44100, rel=2e-3)
        assert node.latency / rate == pytest.approx(found[1].latency / 44100, abs=4e-3)


@pytest.mark.parametrize("name", ["stft", "cqt", "vqt", "cqt_chroma", "semigram"])
def test_a_stationary_sound_looks_the_same_at_every_rate(name: str) -> None:
    rows = []
    for rate in (22050, 48000):
        time_s = np.arange(2 * rate) / rate
        sound = 0.2 * sum(np.sin(2 * np.pi * hz * time_s) for hz in (220.0, 330.0, 1108.7))
        rows.append(front_end(name, mono(rate)).process(sound.astype(np.float32)[:, None])[40].copy())
    assert np.abs(rows[0] - rows[1]).max() <= 2 * CONSTANT_Q * rows[0].max()


@pytest.mark.parametrize("name", ["stft", "vqt", "cqt", "semigram"])
def test_a_click_is_in_the_frame_that_speaks_of_it(name: str) -> None:
    node = front_end(name, mono(RATE), FrontEndConfig(compression=0.0))
    sound = np.zeros((2 * RATE, 1), np.float32)
    sound[node.centre(40)] = 1.0
    out = node.process(sound)
    assert out[:, -40:].sum(axis=1).argmax() == 40


@pytest.mark.parametrize("key", [33, 45, 60, 72, 84, 96, 105])
def test_the_semigram_shows_the_key(key: int) -> None:
    time_s = np.arange(RATE) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 440 * 2 ** ((key - 69) / 12) * time_s)
    frame = front_end("semigram", mono(RATE)).process(tone.astype(np.float32)[:, None])[35]
    assert frame.argmax() + 21 == key
    assert np.linalg.norm(frame) == pytest.approx(1.0, rel=FLOAT32)


def test_the_semigram_has_the_energy_of_librosas_semitone_filters() -> None:
    """A loose peer: bands of elliptic filters, over a sound that does not change."""
    time_s = np.arange(2 * 22050) / 22050
    keys = [48, 55, 64, 72, 79, 91]
    sound = sum(0.1 / (i + 1) * np.sin(2 * np.pi * 440 * 2 ** ((k - 69) / 12) * time_s) for i, k in enumerate(keys))
    bands = librosa.iirt(sound, sr=22050, win_length=4096, hop_length=1024)  # C1 to C8, power
    theirs = np.sqrt(bands[:, 25])
    ours = front_end("semigram", mono(22050)).process(sound.astype(np.float32)[:, None])[60]
    at = np.array(keys)
    assert np.argsort(ours[at - 21]).tolist() == np.argsort(theirs[at - 24]).tolist()
    share = ours[at - 21] / ours[at - 21].max()
    assert np.abs(20 * np.log10(share / (theirs[at - 24] / theirs[at - 24].max()))).max() <= 3.0


def test_bad_names_and_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="front end: expected one of stft, cqt"):
        front_end("mfcc", mono(RATE))
    with pytest.raises(ConfigError, match="a multiple of 12"):
        front_end("cqt_chroma", mono(RATE), FrontEndConfig(bins_per_octave=20))
    with pytest.raises(ConfigError, match="hop_s"):
        FrontEndConfig(hop_s=0.0)


def test_channels_in_antiphase_do_not_cancel() -> None:
    stereo = AudioFormat(sample_rate=RATE, n_channels=2)
    sound = np.stack([MUSIC, -MUSIC], axis=1)
    for name in FRONT_ENDS:
        alone = front_end(name, mono(RATE)).process(MUSIC[:, None])
        both = front_end(name, stereo).process(sound)
        assert np.abs(alone - both).max() <= FLOAT32 * 10 * max(alone.max(), 1.0)
