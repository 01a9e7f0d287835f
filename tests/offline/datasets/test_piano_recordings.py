"""Recordings with MIDI: pairs by name, splits that never change, keys and pedal in the seconds of the recording."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from cli.data.making import make_missing
from engine.core.errors import AudioFileError
from offline.datasets.performances import TakeConfig
from offline.datasets.piano_recordings import cut_played, find_piano_recordings, played_of_midi, recordings_of
from offline.synthesis.fluidsynth import installed_soundfonts
from offline.training.similarity.data import load_take, stored_takes
from offline.training.take_jobs import CutTakesJob, excerpt_items
from tests.offline.datasets.test_performances import needs_sound

RATE, QUARTER = 22050, 480
NOTES = ((0, 480, 60), (480, 960, 64), (960, 1440, 67))  # first and last tick, pitch


def write_pair(folder: Path, name: str, *, begin: int = 240) -> None:
    """Three quarters at 120 a minute, then the tempo halves at the third; pedal from the first to the second."""
    track = mido.MidiTrack()
    events = [(0, mido.MetaMessage("set_tempo", tempo=500_000))]
    events.append((begin + 960, mido.MetaMessage("set_tempo", tempo=1_000_000)))
    for first, last, pitch in NOTES:
        events.append((begin + first, mido.Message("note_on", note=pitch, velocity=80)))
        events.append((begin + last, mido.Message("note_off", note=pitch)))
    events.append((begin, mido.Message("control_change", control=64, value=100)))
    events.append((begin + 480, mido.Message("control_change", control=64, value=0)))
    now = 0
    for tick, message in sorted(events, key=lambda event: event[0]):
        track.append(message.copy(time=tick - now))
        now = tick
    mido.MidiFile(tracks=[track], ticks_per_beat=QUARTER).save(folder / f"{name}.mid")
    soundfile.write(folder / f"{name}.wav", np.random.default_rng(0).normal(0, 0.1, (4 * RATE, 2)), RATE)


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    music, notes = tmp_path / "AkPnBcht/MUS", tmp_path / "AkPnBcht/ISOL"
    for folder, name in ((music, "MAPS_MUS-alb_se3_AkPnBcht"), (notes, "MAPS_ISOL_CH0.1_F_AkPnBcht")):
        folder.mkdir(parents=True)
        write_pair(folder, name)
    for i in range(19):  # as SMD: MIDI and sound in folders of their own
        (tmp_path / "midi").mkdir(exist_ok=True)
        write_pair(tmp_path / "midi", f"Bach_BWV849-{i:02}_001_20090916-SMD")
    (tmp_path / "midi/Bach_BWV849-00_001_20090916-SMD.wav").rename(tmp_path / "Bach_BWV849-00_001_20090916-SMD.wav")
    return tmp_path


def test_pieces_of_music_are_found(maps: Path) -> None:
    names = [recording.name for recording in find_piano_recordings(maps)]
    assert len(names) == 20 and sum(name.startswith("MAPS_MUS") for name in names) == 1
    assert names == sorted(names)


def test_each_recording_is_in_one_split(maps: Path) -> None:
    found = find_piano_recordings(maps)
    splits = [recordings_of(found, split) for split in ("train", "validation", "test")]
    assert [len(split) for split in splits] == [16, 2, 2]
    assert sorted(r.name for split in splits for r in split) == [r.name for r in found]
    assert splits == [recordings_of(found, split) for split in ("train", "validation", "test")]


def test_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="expected recordings and MIDI files of the same names"):
        find_piano_recordings(tmp_path)


def test_keys_are_in_seconds_of_the_recording(tmp_path: Path) -> None:
    write_pair(tmp_path, "take")
    played = played_of_midi(tmp_path / "take.mid")
    assert np.allclose(played.start_s, [0.25, 0.75, 1.25]) and np.allclose(played.end_s, [0.75, 1.25, 2.25])
    assert np.allclose(played.pedal, [[0.25, 0.75]]) and np.allclose(played.audio_s, played.start_s)
    cut = cut_played(played, 0.5, 1.5)
    assert np.allclose(cut.start_s, [0.25, 0.75]) and np.allclose(cut.end_s, [0.75, 1.0])
    assert np.allclose(cut.pedal, [[0.0, 0.25]])


@needs_sound
def test_takes_are_cut_out(maps: Path, tmp_path: Path) -> None:
    config = TakeConfig(sample_rate=RATE, soundfonts=tuple(installed_soundfonts()[:1]), seconds=2, mistuned=0)
    items = excerpt_items(find_piano_recordings(maps)[:2], 3)
    assert make_missing(CutTakesJob(take=config), items, tmp_path / "takes", "take") == (3, 0)
    paths = stored_takes(tmp_path / "takes")
    assert [path.stem[-2:] for path in paths] == ["-0", "-1", "-0"]
    take = load_take(paths[0])
    assert len(take.audio) == 2 * RATE and len(take.keys) and (take.keys[:, 0] < 2).all()
    assert np.array_equal(take.played_s, take.plain_s) and len(take.synchronous) > take.keys[:, 1].max() * RATE
