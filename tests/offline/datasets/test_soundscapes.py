"""The mixer: repeatable, at the asked level, with true labels, and no source in two splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.data.making import made_here
from cli.data.scenes import ScenesOptions, mix_scenes
from engine.core.errors import AudioFileError, ConfigError
from engine.detection.event_decoder import Interval
from engine.detection.frame_clock import SOUND_RATE, STEP, step_begin
from offline.batch.jobs.scenes import ScenesJob, collect_scenes, scene_items
from offline.datasets.desed import read_labels
from offline.datasets.make_scenes import SceneJob, alarm_families, make_mixer
from offline.datasets.scenes import embed_steps, label_steps, log_mel, open_scene_set, read_tsv, write_tsv
from offline.datasets.soundscapes import SceneMixConfig, SceneMixer, merge_events
from offline.synthesis.alarms import FAMILIES, alarm
from offline.synthesis.sound_bank import (
    FROZEN_SPLIT,
    SPLITS,
    SoundBank,
    SoundFile,
    active_parts,
    list_sounds,
    load_bank,
    merge_banks,
    read_split,
    split,
)
from tests.networks.embedding import SIZE, embedding, embedding_file

RATE = SOUND_RATE


def bank() -> SoundBank:
    """Three labels of tones, a background of noise and a distractor."""
    rng = np.random.default_rng(0)
    time_s = np.arange(RATE) / RATE

    def tone(hz: float) -> np.ndarray:
        return np.sin(2 * np.pi * hz * time_s).astype(np.float32)

    parts = {
        label: {f"{label}{i}": [tone(hz * (1 + i))] for i in range(2)} for label, hz in (("cat", 700), ("dog", 300))
    }
    parts["fan"] = {"fan0": [rng.standard_normal(3 * RATE).astype(np.float32)]}
    parts["_background"] = {"rain": [rng.standard_normal(4 * RATE).astype(np.float32)]}
    parts["_distractor"] = {"clap": [rng.standard_normal(RATE // 3).astype(np.float32)]}
    return SoundBank(RATE, parts)


STRONG = "filename\tonset\toffset\tevent_label\na.wav\t0.0\t1.0\tspeech\nb.wav\t0.5\t9.0\tdog\nc.wav\t\t\t\n"


@pytest.mark.parametrize(
    "written",
    [
        STRONG.encode(),
        b"\xef\xbb\xbf" + STRONG.encode(),
        STRONG.encode("utf-16"),
        STRONG.replace("\n", "\r\n").encode(),
        STRONG.replace("\n", "\r").encode(),
        STRONG.replace("\n", "\n\n").encode(),
        (STRONG + "\n \t\n").encode(),
        STRONG.replace("\na.wav", "\n# checked twice\na.wav").encode(),
        STRONG.replace("\t", ",").encode(),
        STRONG.replace("\t", ";").encode(),
        STRONG.replace("\t", " \t ").encode(),
        STRONG.replace("\tevent_label", "\tevent_label\tnotes").replace("dog", "dog\tloud").encode(),
        STRONG.replace("c.wav\t\t\t", "c.wav").encode(),
    ],
)
def test_tables_of_labels_as_people_write_them(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "x.tsv").write_bytes(written)
    expected = {"a.wav": [Interval(0.0, 1.0, "speech")], "b.wav": [Interval(0.5, 9.0, "dog")], "c.wav": []}
    found = read_labels(tmp_path / "x.tsv")
    assert found.strong == expected
    assert found.weak == {"a.wav": {"speech"}, "b.wav": {"dog"}, "c.wav": set()}


@pytest.mark.parametrize("cell", ["nan", "inf", "-1", "", "x", "2.0", "0,5", "1e400"])
def test_a_row_that_is_no_event_is_named(tmp_path: Path, cell: str) -> None:
    text = "filename\tonset\toffset\tevent_label\na.wav\t0\t1\tdog\n\nb.wav\tCELL\t1.0\tdog\n"
    (tmp_path / "x.tsv").write_text(text.replace("CELL", cell))
    with pytest.raises(ConfigError, match=r"x\.tsv, line 4: expected .* 0 <= onset <= offset") as found:
        read_labels(tmp_path / "x.tsv")
    assert "\n" not in str(found.value)


def test_scenes_are_fixed_by_seed_and_index() -> None:
    rich = SceneMixConfig.training(p_room=1.0)
    first, again = SceneMixer(bank(), ["beeps"], rich), SceneMixer(bank(), ["beeps"], rich)
    again.scene(1, 0)  # whatever was mixed before
    assert (first.scene(1, 5).audio == again.scene(1, 5).audio).all()
    assert first.scene(1, 5).events == again.scene(1, 5).events
    assert first.scene(1, 5).events != first.scene(2, 5).events


@pytest.mark.parametrize("config", [SceneMixConfig(), SceneMixConfig.training()])
def test_scenes_keep_their_promises(config: SceneMixConfig) -> None:
    mixer = SceneMixer(bank(), ["smoke"], config)
    assert mixer.labels == ("alarm_bell", "cat", "dog", "fan")
    for index in range(12):
        audio, events = mixer.scene(7, index)
        assert audio.dtype == np.float32
        assert len(audio) == 604 * 366
        assert -30.1 <= 20 * np.log10(np.abs(audio).max()) <= -0.9
        assert len(events) <= 5
        assert len(events) or config.p_empty
        assert events == merge_events(events)
        assert all(0 <= e.onset_s < e.offset_s <= len(audio) / RATE + 1e-9 for e in events)


def test_the_level_over_the_background_is_as_asked() -> None:
    config = SceneMixConfig(n_events=(1, 1), snr_db=(12.0, 12.0), p_band=0.0, labels=("dog",))
    audio, (event,) = SceneMixer(bank(), [], config).scene(0, 0)
    first, last = int(event.onset_s * RATE), int(event.offset_s * RATE)
    ground = np.concatenate([audio[:first], audio[last:]])
    ratio = np.mean(audio[first:last] ** 2) / np.mean(ground**2) - 1
    assert 10 * np.log10(ratio) == pytest.approx(12, abs=0.5)


def test_no_event_where_none_is_asked_for() -> None:
    config = SceneMixConfig(n_events=(0, 0), p_distractor=1.0)
    assert SceneMixer(bank(), [], config).scene(0, 0).events == []


def test_overlapping_events_of_a_label_are_one() -> None:
    events = [Interval(2, 3, "dog"), Interval(1, 2.5, "dog"), Interval(2, 4, "cat"), Interval(3.5, 4, "dog")]
    assert merge_events(events) == [Interval(1, 3, "dog"), Interval(2, 4, "cat"), Interval(3.5, 4, "dog")]


@pytest.mark.parametrize("family", FAMILIES)
def test_alarms_sound(family: str) -> None:
    for seed in range(4):
        sound = alarm(family, 1.5, RATE, np.random.default_rng(seed))
        assert abs(len(sound) - 1.5 * RATE) <= 1
        assert np.isfinite(sound).all()
        assert np.abs(sound).max() == pytest.approx(1)
        spectrum = np.abs(np.fft.rfft(sound)) ** 2
        hz = np.fft.rfftfreq(len(sound), 1 / RATE)
        assert spectrum[(hz > 80) & (hz < 8000)].sum() > 0.8 * spectrum.sum()


def test_active_parts_are_found_by_energy() -> None:
    audio = np.zeros(2 * RATE, np.float32)
    for first, last in ((0.2, 0.5), (0.6, 0.8), (1.4, 1.6)):  # a gap of 0.1 s lies inside one event
        audio[int(first * RATE) : int(last * RATE)] = 0.5
    parts = [(round(a / RATE, 2), round(b / RATE, 2)) for a, b in active_parts(audio, RATE)]
    assert parts == [
        (pytest.approx(0.2, abs=0.02), pytest.approx(0.8, abs=0.02)),
        (pytest.approx(1.4, abs=0.02), pytest.approx(1.6, abs=0.02)),
    ]
    assert active_parts(np.zeros(0, np.float32), RATE) == []


def test_a_split_shares_out_sources() -> None:
    sounds = [SoundFile(Path(f"{label}{i}"), label, f"{label}{i // 2}") for label in "ab" for i in range(40)]
    sounds += [SoundFile(Path("both"), "b", "a3")]
    chosen = split(sounds)
    assert chosen == split(sounds[::-1])
    for label in "ab":
        counts = [sum(s.startswith(label) and c == which for s, c in chosen.items()) for which in SPLITS]
        assert sum(counts) == 20
        assert all(abs(n - share * 20) <= 2 for n, share in zip(counts, (0.6, 0.16, 0.24), strict=True))


def test_rare_labels_are_in_every_split() -> None:
    sounds = [SoundFile(Path(str(i)), "rare", f"s{i}") for i in range(3)]
    assert sorted(split(sounds).values()) == sorted(SPLITS)


@pytest.mark.shared
def test_the_frozen_split_covers_the_recordings(shared: Path) -> None:
    chosen = read_split(FROZEN_SPLIT)
    sounds = list_sounds(shared / "sound_events")
    assert {s.source for s in sounds} <= set(chosen)
    for label in {s.label for s in sounds}:
        assert {chosen[s.source] for s in sounds if s.label == label} == set(SPLITS)
    families = [set(alarm_families(which)) for which in SPLITS]
    assert set.union(*families) == set(FAMILIES)
    assert sum(map(len, families)) == len(FAMILIES)


def test_a_folder_of_ones_own_needs_no_manifest(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label in ("knock", "whistle"):
        (tmp_path / label).mkdir()
        for i in range(4):
            soundfile.write(tmp_path / label / f"{i}.wav", rng.standard_normal((8000, 2)) * 0.1, 16_000)
    chosen = {s.source: "train" for s in list_sounds(tmp_path)}
    loaded = load_bank(tmp_path, RATE, "train", chosen)
    assert loaded.labels == ("knock", "whistle")
    assert len(loaded.parts["knock"]["knock/0"][0]) == pytest.approx(RATE / 2, rel=0.05)


def test_several_folders_make_one_bank() -> None:
    both = merge_banks([bank(), SoundBank(RATE, {"dog": {"dog0": []}, "_background": {"song": []}})])
    assert both.sources("dog") == ["1/dog0", "dog0", "dog1"]
    assert both.sources("_background") == ["1/song", "rain"]


def test_what_is_no_sound_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sounds as LABEL/NAME\.wav"):
        list_sounds(tmp_path)
    (tmp_path / "knock").mkdir()
    (tmp_path / "knock" / "a.wav").write_text("no sound")
    with pytest.raises(AudioFileError, match=r"a\.wav: expected a readable sound"):
        load_bank(tmp_path, RATE, "train", {"knock/a": "train"})


def test_steps_are_labelled_where_events_cover_them() -> None:
    first = step_begin(3) / RATE
    events = [Interval(first, first + 2 * STEP / RATE, "dog"), Interval(first + 0.02, first + 0.03, "cat")]
    labels = label_steps(events, ("cat", "dog"), 8)
    assert labels[:, 1].tolist() == [0, 0, 0, 1, 1, 0, 0, 0]
    assert labels[:, 0].tolist() == [0, 0, 0, 1, 0, 0, 0, 0]


def test_labels_and_log_mel_line_up() -> None:
    """A tone in silence: the middle of what is loud is the middle of the tone, to a hop; so is that of its label."""
    audio = np.zeros(604 * 366, np.float32)
    audio[3 * RATE : 5 * RATE] = np.sin(np.arange(2 * RATE) * 0.3)
    level = np.exp(log_mel(audio)).sum(1).reshape(-1, 4).mean(1)
    labels = label_steps([Interval(3.0, 5.0, "dog")], ("dog",), 151)[:, 0]
    for weight, tolerance in ((level - level.min(), 366), (labels, STEP / 2)):
        middle = (weight * np.arange(151)).sum() / weight.sum()
        assert abs(step_begin(0) + STEP * (middle + 0.5) - 4 * RATE) <= tolerance


def test_tsv_round_trip(tmp_path: Path) -> None:
    events = {"a.wav": [Interval(0.5, 1.25, "dog")], "quiet.wav": []}
    write_tsv(tmp_path / "e.tsv", events)
    assert (tmp_path / "e.tsv").read_text().splitlines()[1] == "a.wav\t0.500\t1.250\tdog"
    assert read_tsv(tmp_path / "e.tsv") == events
    (tmp_path / "e.tsv").write_text("filename\tonset\toffset\tevent_label\na.wav\tsoon\t1\tdog\n")
    with pytest.raises(ConfigError, match="line 2"):
        read_tsv(tmp_path / "e.tsv")


@pytest.fixture
def own_sounds(tmp_path: Path) -> Path:
    """Eight sources of a label and a background."""
    rng = np.random.default_rng(0)
    for label in ("_background", "knock"):
        (tmp_path / "in" / label).mkdir(parents=True)
        for i in range(8):
            soundfile.write(tmp_path / "in" / label / f"{i}.wav", rng.standard_normal(RATE) * 0.1, RATE)
    return tmp_path / "in"


def test_a_set_is_written_and_opened(own_sounds: Path, tmp_path: Path) -> None:
    """By one process and by two: the same."""
    job = SceneJob(sounds=own_sounds, n_scenes=3, mix=SceneMixConfig(seconds=2.0), embeddings={"bands": embedding()})
    for folder, workers in ((tmp_path / "one", 1), (tmp_path / "two", 2)):
        reports = made_here(ScenesJob(scenes=job), scene_items(job, ".npz"), folder, "scene", workers=workers)
        assert all(report.done for report in reports)
        collect_scenes(job, folder, folder)
    one, two = open_scene_set(tmp_path / "one"), open_scene_set(tmp_path / "two")
    assert one.classes == ("alarm_bell", "knock")
    assert one.mel.shape == (3, 124, 128)
    assert one.steps.shape == (3, 31, 2)
    assert (np.asarray(one.mel) == two.mel).all()
    heard = one.embeddings["bands"]
    assert heard.shape == (3, 31, SIZE) and (np.asarray(heard) == two.embeddings["bands"]).all()
    scene = np.pad(make_mixer(job).scene(0, 2).audio, (0, 31 * STEP))[: 31 * STEP]
    assert np.array_equal(heard[2], embed_steps(scene, embedding()))
    assert one.events == two.events
    (tmp_path / "one" / "steps.npy").unlink()
    with pytest.raises(ConfigError, match="a set of scenes"):
        open_scene_set(tmp_path / "one")


def test_beds_alone_lie_under_the_sounds(own_sounds: Path, tmp_path: Path) -> None:
    for i in range(4):  # one for each of the splits at least
        (tmp_path / "music" / "_background").mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / f"music/_background/{i}.wav", np.full(RATE, 0.5), RATE)
    job = SceneJob(sounds=own_sounds, more=(tmp_path / "music",), beds=True, mix=SceneMixConfig(seconds=2.0))
    mixer = make_mixer(job)
    assert mixer.labels == ("alarm_bell", "knock")
    assert all(source.startswith("1/") for source in mixer.bank.sources("_background"))
    with pytest.raises(ConfigError, match="--more with _background"):
        make_mixer(SceneJob(sounds=own_sounds, beds=True, mix=SceneMixConfig(seconds=2.0)))


def test_audio_has_no_embeddings(own_sounds: Path, tmp_path: Path) -> None:
    options = ScenesOptions(
        sounds=own_sounds, output=tmp_path / "out", audio=True, embedding=(f"bands={embedding_file()}",)
    )
    with pytest.raises(ConfigError, match="a set of log-mel, got --audio"):
        mix_scenes(options)


def test_scenes_as_audio_in_deseds_layout(own_sounds: Path, tmp_path: Path) -> None:
    mix_scenes(ScenesOptions(sounds=own_sounds, output=tmp_path / "desed", audio=True, scenes=2))
    events = read_tsv(tmp_path / "desed" / "strong.tsv")
    assert sorted(events) == sorted(p.name for p in (tmp_path / "desed" / "audio").iterdir())
    weak = (tmp_path / "desed" / "weak.tsv").read_text().splitlines()
    assert weak[1].split("\t")[1] == ",".join(sorted({e.label for e in events["0-000000.wav"]}))
