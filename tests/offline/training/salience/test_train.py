"""Targets of salience, its figures, and the way from recordings to a file that runs."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from engine.core.errors import ConfigError, ModelError
from engine.core.format import AudioFormat
from engine.dsp.harmonic import Hcqt, HcqtConfig, harmonic_bins
from engine.following.salience import SalienceNode, SalienceNodeConfig
from models.salience.config import SalienceNetworkConfig
from models.salience.network import SalienceNetwork
from offline.run import collect_frames
from offline.synthesis.pianist import Played
from offline.synthesis.piano_sound import Piano
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer
from offline.training.salience.config import SalienceBatch, SalienceExport, SalienceTraining
from offline.training.salience.data import (
    PlacedNotes,
    SalienceRecording,
    SalienceSet,
    analyse_performance,
    open_salience_set,
    salience_targets,
    sounding,
    write_salience_recording,
    write_transform,
)
from offline.training.salience.export import export_salience
from offline.training.salience.metrics import (
    average_precision,
    best_f1,
    key_rolls,
    keys_of,
    measure_constant_q,
    measure_network,
    stacked_set,
)
from offline.training.salience.train import SalienceTask, restore_salience, train_salience
from tests.tolerances import FLOAT32, TRAINED

RATE = 22050
CONFIG = HcqtConfig(low_hz=440 * 2 ** (-21 / 12), n_octaves=3, gamma=8.0)  # from C3
FIELDS = {"licence": "CC0-1.0", "data": "tones", "split": "none", "training": "by a test"}


def played(pitches: list[int], pedal: list[tuple[float, float]] | None = None) -> Played:
    """A tone every half second, each held for 0.4 s."""
    start = 0.5 * np.arange(len(pitches)) + 0.2
    return Played(
        start_s=start,
        end_s=start + 0.4,
        pitch=np.array(pitches),
        velocity=np.full(len(pitches), 80),
        pedal=tuple(pedal or ()),
        quarter=start,
        audio_s=start,
    )


def sound(notes: Played) -> np.ndarray:
    """Plain decaying tones of four partials."""
    out = np.zeros(int((notes.end_s.max() + 0.5) * RATE), np.float32)
    for start, end, pitch in zip(notes.start_s, notes.end_s, notes.pitch, strict=True):
        time_s = np.arange(int((end - start) * RATE)) / RATE
        hz = 440 * 2 ** ((pitch - 69) / 12)
        tone = sum(np.sin(2 * np.pi * h * hz * time_s) / h for h in range(1, 5)) * np.exp(-2 * time_s)
        out[int(start * RATE) :][: len(tone)] += 0.2 * tone.astype(np.float32)
    return out


SCALE = played([50, 55, 60, 64, 67, 71, 74, 79])
PIANO = Piano(soundfont=Path("none"), cents=(10.0,) * 12)


def recording(name: str, notes: Played = SCALE) -> SalienceRecording:
    cqt, found = analyse_performance(sound(notes), notes, PIANO, RATE, CONFIG)
    return SalienceRecording(name=name, cqt=cqt, notes=found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("set")
    write_transform(path, CONFIG)
    for i in range(2):
        write_salience_recording(path, recording(f"r{i}"))
    return path


def test_a_target_is_a_bump_about_each_note_while_it_sounds() -> None:
    notes = PlacedNotes(start=np.array([10.2]), end=np.array([20.0]), place=np.array([30.5]))
    salience, onset = salience_targets(notes, 40, 72, 24)
    frames, bins = np.nonzero(salience > 0.5)
    assert set(frames) == set(range(11, 21))
    assert set(bins) == {30, 31}
    assert salience[15, 30] == pytest.approx(np.exp(-0.5 * (0.5 * 50 / 25) ** 2), rel=FLOAT32)
    assert onset.max(axis=1).nonzero()[0].tolist() == [9, 10, 11]
    assert onset[10].max() > onset[11].max() > onset[9].max()


def test_frames_and_bins_of_a_note_are_where_its_sound_is() -> None:
    """The plain transform is loudest at the place of each note, from the frame of its onset on."""
    packed = recording("x")
    for start, end, place in zip(packed.notes.start, packed.notes.end, packed.notes.place, strict=True):
        middle = round((start + end) / 2)
        assert abs(packed.cqt[middle].argmax() - place) <= 1
        rise = np.expm1(packed.cqt[:, round(place)].astype(np.float32))
        near = slice(max(0, round(start) - 6), round(start) + 8)
        steepest = near.start + np.diff(rise[near]).argmax() + 0.5
        assert abs(steepest - start) <= 1.0


def test_notes_ring_on_under_the_pedal_until_struck_again() -> None:
    notes = played([60, 64, 60], [(0.3, 1.15)])
    assert sounding(notes).tolist() == pytest.approx([1.15, 1.15, 1.6])
    notes = played([60, 64, 60], [(0.3, 5.0)])
    assert sounding(notes)[0] == pytest.approx(1.2)  # its next stroke
    assert sounding(notes)[1] < 5.0  # its string


def test_a_set_comes_back_as_it_was(folder: Path) -> None:
    found, made = open_salience_set(folder), recording("r0")
    assert found.config == CONFIG
    assert [r.name for r in found.recordings] == ["r0", "r1"]
    assert np.array_equal(found.recordings[0].cqt, made.cqt)
    assert np.array_equal(found.recordings[1].notes.place, made.notes.place)
    whole, part = found.whole(0), found.crop(0, 17, 30)
    for a, b in ((whole[0][17:47], part[0]), (whole[1][:, 17:47], part[1])):
        assert np.array_equal(a, b)
    with pytest.raises(ConfigError, match="data salience"):
        open_salience_set(folder / "nowhere")


def test_training_hears_what_the_engine_hears(folder: Path) -> None:
    hcqt = collect_frames(Hcqt(CONFIG, AudioFormat(sample_rate=RATE, n_channels=1)), sound(SCALE)[:, None])
    ours = stacked_set(open_salience_set(folder), 0).numpy()
    assert ours.shape == (len(hcqt), *harmonic_bins(CONFIG).shape)
    assert np.abs(ours.reshape(len(hcqt), -1) - hcqt).max() <= 2e-3 * hcqt.max()  # float16 on disk


def test_precision_by_hand() -> None:
    score = np.array([[0.9, 0.8, 0.7, 0.6]], np.float32)
    truth = np.array([[True, False, True, False]])
    assert average_precision(score, truth) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(score, truth) == pytest.approx(average_precision_score(truth.ravel(), score.ravel()))
    f1, threshold = best_f1(score, truth)
    assert f1 == pytest.approx(0.8)
    assert threshold == pytest.approx(0.7)


def test_perfect_salience_is_perfect() -> None:
    notes = PlacedNotes(start=np.array([2.0, 5.0]), end=np.array([9.0, 20.0]), place=np.array([24.4, 29.7]))
    truth = key_rolls(notes, 30, CONFIG)
    assert truth[0].any(axis=0).nonzero()[0].tolist() == [12, 15]
    assert truth[0, :, 12].nonzero()[0].tolist() == list(range(2, 10))
    assert truth[1, :, 15].nonzero()[0].tolist() == [5]
    for wanted, keys in zip(salience_targets(notes, 30, 72, 24), truth, strict=True):
        assert average_precision(keys_of(wanted, 24), keys) == pytest.approx(1.0)


def small_task(recordings: SalienceSet) -> SalienceTask:
    torch.manual_seed(0)
    config = SalienceNetworkConfig(channels=(4, 4, 4, 4, 4), n_bins=CONFIG.n_bins)
    return SalienceTask(SalienceNetwork(config), recordings, recordings, SalienceBatch(batch=2, frames=32, mixed=False))


def test_training_learns_and_ships(folder: Path, tmp_path: Path) -> None:
    recordings = open_salience_set(folder)
    task = small_task(recordings)
    trainer = Trainer(task, tmp_path / "run", LoopConfig(learning_rate=1e-2, warmup=5, average=0.9))
    before = measure_network(task.model.eval(), recordings)
    losses = [trainer._update(0)["loss"] for _ in range(60)]
    assert np.mean(losses[-5:]) < 0.5 * losses[0]
    trainer.save()
    target = tmp_path / "tones.onnx"
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    config = SalienceExport(checkpoint=checkpoint, output=target, validation=folder, **FIELDS)
    card = tomllib.loads(export_salience(config).with_suffix(".toml").read_text())
    found = card["figures"]
    assert found["network"]["average_precision"] > before["average_precision"] + 0.2
    assert found["network"]["cross_entropy"] < before["cross_entropy"]
    assert found["constant_q"] == {k: round(v, 4) for k, v in measure_constant_q(recordings).items()}
    assert card["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert card["checks"]["steps"] == 60
    node = SalienceNode(SalienceNodeConfig(model=target), AudioFormat(sample_rate=RATE, n_channels=1))
    out = node.process(sound(SCALE)[:, None])
    model, _ = restore_salience(tmp_path / "run" / "checkpoint.pt")
    with torch.inference_mode():
        whole = torch.sigmoid(model(stacked_set(recordings, 0)[None]))[0, :, 0].numpy()
    ahead = model.config.look_ahead
    assert np.abs(out[20:60] - whole[20 - ahead : 60 - ahead]).max() <= 0.02  # float16 on disk


def test_batches_follow_from_their_number(folder: Path) -> None:
    a, b = small_task(open_salience_set(folder)), small_task(open_salience_set(folder))
    assert a.loss(3)[0].item() == b.loss(3)[0].item() != a.loss(4)[0].item()


def test_what_is_no_checkpoint_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="checkpoint of `train salience`"):
        restore_salience(tmp_path / "checkpoint.pt")


# Measured with the code before the settings became one class: a change of these is a change of every training.
def test_ten_steps_give_the_same_numbers_as_ever(folder: Path, tmp_path: Path) -> None:
    config = SalienceTraining(
        data=folder,
        validation=folder,
        output=tmp_path,
        channels=(4, 4, 4, 4, 4),
        seed=5,
        device="cpu",
        excerpts=SalienceBatch(batch=2, frames=32, mixed=False),
        loop=LoopConfig(steps=10, learning_rate=2e-3),
    )
    figures = train_salience(config)
    first = json.loads((tmp_path / "curves.jsonl").read_text().splitlines()[0])
    assert (first["step"], first["train"]["loss"]) == (10, pytest.approx(0.051803212612867355, rel=TRAINED))
    assert figures["cross_entropy"] == pytest.approx(0.06624305993318558, rel=TRAINED)
