"""Folders of stems: layouts, missing and extra stems, and what the mixes made of them must keep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from engine.core.errors import AudioFileError, ConfigError
from offline.synthesis.multitrack import FULL_SCALE, Corpus, find_songs, load_stems, parse_corpus
from offline.training.separation.config import StemMixConfig
from offline.training.separation.data import Mixer, StemBank
from tests.songs import RATE, tone, write_songs
from tests.tolerances import FLOAT32

FOUR = ("vocals", "drums", "bass", "other")
THREE = ("vocals", "drums", "other")
SONGS = {
    "train/a": {"vocals": 400, "drums": 900, "bass": 100, "other": 1500, "mixture": 50},
    "train/b": {"vocals": 500, "drums": 1000, "other": 1700},
}
PLAIN = StemMixConfig(coherent=0, gain_low=1, gain_high=1, speed=0, tilt=0, drop=0, active=1)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(folder=write_songs(tmp_path / "songs", SONGS))


def pitch_hz(audio: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
    return float(np.argmax(spectrum) * RATE / len(audio))


def test_finds_the_layout_of_musdb18_hq(corpus: Corpus) -> None:
    first, second = find_songs(corpus)
    assert (first.name, second.name) == ("a", "b")
    assert sorted(first.stems) == sorted(FOUR)  # the mixture is no stem
    assert [song.name for song in find_songs(corpus, exclude=["a"])] == ["b"]
    assert [song.name for song in find_songs(corpus, only=["a"])] == ["a"]


def test_an_extra_stem_goes_to_other(corpus: Corpus) -> None:
    first = find_songs(corpus)[0]
    stems = load_stems(first, THREE, sample_rate=RATE)
    expected = tone(1500, 8) + tone(100, 8)
    assert np.abs(stems[2, :, 0] / FULL_SCALE - expected).max() < 2 / FULL_SCALE
    assert first.inseparable(THREE) == frozenset()


def test_a_missing_stem_is_silence_inside_other(corpus: Corpus) -> None:
    second = find_songs(corpus)[1]
    stems = load_stems(second, FOUR, sample_rate=RATE)
    assert not stems[2].any()
    assert second.inseparable(FOUR) == {"bass", "other"}
    assert second.inseparable(THREE) == frozenset()


def test_marked_stems_are_inseparable_even_with_files(corpus: Corpus) -> None:
    marked = parse_corpus(f"{corpus.folder}:1:bass+other")
    assert find_songs(marked)[0].inseparable(FOUR) == {"bass", "other"}
    assert find_songs(marked)[0].inseparable(THREE) == frozenset()


def test_corpus_texts() -> None:
    assert parse_corpus("songs") == Corpus(folder=Path("songs"))
    assert parse_corpus("songs:0.25").weight == 0.25
    with pytest.raises(ConfigError, match="FOLDER"):
        parse_corpus("songs:heavy")


def test_unfit_folders_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="folders of stems"):
        find_songs(Corpus(folder=tmp_path))
    (tmp_path / "song").mkdir()
    soundfile.write(tmp_path / "song" / "vocals.wav", np.zeros(100), 16000)
    song = find_songs(Corpus(folder=tmp_path))[0]
    with pytest.raises(AudioFileError, match="expected 8000 Hz, got 16000 Hz"):
        load_stems(song, THREE, sample_rate=RATE)


def mixer(corpus: Corpus, config: StemMixConfig, targets: tuple[str, ...] = FOUR, n_samples: int = 4000) -> Mixer:
    return Mixer(StemBank([corpus], targets, sample_rate=RATE), config, n_samples=n_samples)


def test_every_number_gives_its_own_mix_again(corpus: Corpus) -> None:
    drawn = mixer(corpus, StemMixConfig())
    first, again, other = drawn.draw(3, 4), drawn.draw(3, 4), drawn.draw(4, 4)
    assert first.references.shape == (4, 4, 2, 4000)
    assert np.array_equal(first.references, again.references)
    assert not np.array_equal(first.references, other.references)


def test_targets_come_from_their_own_stems_of_any_song(corpus: Corpus) -> None:
    """And where `other` holds the bass too, no second bass is added, and the mix is marked."""
    drawn = mixer(corpus, PLAIN).draw(0, 30)
    seen = set()
    for references, merged in zip(drawn.references.numpy(), drawn.merged.numpy(), strict=True):
        vocals, drums, bass, other = (stem[0] + stem[1] for stem in references)
        assert round(pitch_hz(vocals), -2) in (400, 500)
        assert round(pitch_hz(drums), -2) in (900, 1000)
        whole = round(pitch_hz(other), -2) == 1700
        assert merged.tolist() == ([False, False, True, True] if whole else [False] * 4)
        assert bass.any() != whole
        seen.add((round(pitch_hz(vocals), -2), whole))
    assert len(seen) == 4  # all ways to cross two songs


def test_coherent_mixes_are_one_song_at_one_speed(corpus: Corpus) -> None:
    config = StemMixConfig(coherent=1, gain_low=1, gain_high=1, speed=0.2, tilt=0, drop=0)
    for references in mixer(corpus, config).draw(1, 10).references.numpy():
        vocals, drums, _, other = (pitch_hz(stem.sum(0)) for stem in references)
        song = (400, 900, 1500) if drums / vocals > 2.1 else (500, 1000, 1700)
        speeds = [got / base for got, base in zip((vocals, drums, other), song, strict=True)]
        assert max(speeds) - min(speeds) < 0.02


def test_gains_and_silences(corpus: Corpus) -> None:
    config = StemMixConfig(coherent=0, gain_low=0.5, gain_high=0.5, speed=0, tilt=0, drop=0.5)
    references = mixer(corpus, config, ("vocals", "drums")).draw(0, 40).references.numpy()
    levels = np.abs(references).max(axis=(2, 3))
    assert 0.3 < np.mean(levels == 0) < 0.7
    assert np.allclose(levels[levels > 0], 0.1, atol=1e-3)


@pytest.mark.parametrize("width", [0.5, 1.0])
def test_widths_change_the_difference_of_the_channels_alone(corpus: Corpus, width: float) -> None:
    config = StemMixConfig(coherent=0, gain_low=1, gain_high=1, speed=0, tilt=0, drop=0)
    plain, wide = (mixer(corpus, c, THREE).draw(0, 40).references for c in (config, replace(config, width=width)))
    torch.testing.assert_close(wide.sum(2), plain.sum(2), atol=FLOAT32, rtol=0)
    energies = [mix.diff(dim=2).square().sum((2, 3)).flatten() for mix in (plain, wide)]
    factors = (energies[1] / energies[0].clamp_min(1e-9))[energies[0] > 1e-3].sqrt()
    assert 1 - width - 1e-3 <= factors.min() < factors.max() <= 1 + width + 1e-3
    assert factors.max() - factors.min() > width  # of an even spread over twice as much


def test_a_late_copy_makes_a_stem_wide_and_leaves_its_middle(corpus: Corpus) -> None:
    config = StemMixConfig(coherent=0, gain_low=1, gain_high=1, speed=0, tilt=0, drop=0)
    plain, wide = (mixer(corpus, c, THREE).draw(0, 40).references for c in (config, replace(config, wide=0.5)))
    torch.testing.assert_close(wide.sum(2), plain.sum(2), atol=FLOAT32, rtol=0)
    added = (wide.diff(dim=2) - plain.diff(dim=2)).flatten(0, 2)
    widened = [(more, middle) for more, middle in zip(added, plain.mean(2).flatten(0, 1), strict=True) if more.any()]
    assert 0.35 < len(widened) / 120 < 0.65
    for more, middle in widened:
        assert not more[: int(0.005 * RATE)].any()
        assert 0 < more.square().sum() <= (2 * 0.8) ** 2 * middle.square().sum()


def test_examples_in_mono_have_no_side(corpus: Corpus) -> None:
    config = StemMixConfig(width=0.5, wide=1.0, mono=0.5)
    sides = mixer(corpus, config, THREE).draw(0, 60).references.diff(dim=2).flatten(1).abs().amax(1)
    assert 0.3 < (sides < FLOAT32).float().mean() < 0.7


def test_what_is_merged_is_filtered_as_one(tmp_path: Path) -> None:
    """Bass and other of a song that does not tell them apart keep their ratio."""
    folder = write_songs(tmp_path, {"a": {"vocals": 400, "drums": 900, "bass": 100, "other": 100}})
    marked = Corpus(folder=folder, merged=frozenset({"bass", "other"}))
    drawn = mixer(marked, StemMixConfig(drop=0.3))
    for references in drawn.draw(0, 10).references.numpy():
        assert np.array_equal(references[2], references[3])


def test_segments_longer_than_a_song_end_in_silence(corpus: Corpus) -> None:
    references = mixer(corpus, PLAIN, THREE, n_samples=10 * RATE).draw(0, 2).references.numpy()
    assert references[..., : 7 * RATE].any()
    assert not references[..., 8 * RATE + 1 :].any()
