"""Scores from files: what they mean, and what strangers' files try."""

from __future__ import annotations

import io
import pickle
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import mido
import numpy as np
import pytest

from engine.core.errors import ScoreError
from engine.score import file_bytes
from engine.score.musicxml import source
from engine.score.readers import read_score
from engine.score.score import MAX_NOTES, make_score
from offline.evaluation.onsets import read_truth
from offline.synthesis.demo_piece import BPM, minuet, write_demo_midi, write_musicxml

HEAD = '<?xml version="1.0"?>\n'
DOCTYPE = (
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://127.0.0.1:9/partwise.dtd">'
)


@pytest.fixture
def xml(tmp_path: Path) -> str:
    write_musicxml(tmp_path / "minuet.musicxml")
    return (tmp_path / "minuet.musicxml").read_text().split("?>", 1)[1]


def saved(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def packed(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def container(name: str) -> bytes:
    return f'<container><rootfiles><rootfile full-path="{name}"/></rootfiles></container>'.encode()


def same_music(a, b) -> bool:
    return all(
        np.allclose(getattr(a, name), getattr(b, name))
        for name in ("note_quarter", "note_duration", "note_pitch", "onset_quarter")
    )


def test_musicxml_midi_and_compressed_musicxml_say_the_same(tmp_path: Path, xml: str) -> None:
    write_demo_midi(tmp_path / "minuet.mid")
    packed(tmp_path / "minuet.mxl", {"META-INF/container.xml": container("m.xml"), "m.xml": (HEAD + xml).encode()})
    for name in ("minuet.musicxml", "minuet.mid", "minuet.mxl"):
        assert same_music(read_score(tmp_path / name), minuet()), name


def test_repeats_are_played_out_and_bars_keep_their_numbers(tmp_path: Path, xml: str) -> None:
    score = read_score(saved(tmp_path / "a.xml", HEAD + xml))
    assert len(score.bar_number) == 48
    assert [score.bar(q) for q in (0.0, 46.0, 48.0, 94.0, 96.0)] == [1, 16, 1, 16, 17]


def test_tempo_marks_give_seconds(tmp_path: Path, xml: str) -> None:
    score = read_score(saved(tmp_path / "a.xml", HEAD + xml))
    assert score.seconds(10.0) == pytest.approx(600 / BPM)
    assert score.quarter(score.seconds(10.0)) == pytest.approx(10.0)


def test_tempo_changes_and_pickup() -> None:
    score = make_score(
        "x", [(3, 1, 60, 64), (4, 1, 62, 64), (8, 1, 64, 64)], bars=[(0, 0), (4, 1)], tempi=[(0, 60), (6, 120)]
    )
    assert score.onset_quarter.tolist() == [0, 1, 5]
    assert score.seconds([0, 3, 5]).tolist() == [0, 3, 4]
    assert [score.bar(q) for q in (0, 1, 5)] == [0, 1, 1]


def test_a_score_crosses_processes() -> None:
    assert same_music(pickle.loads(pickle.dumps(minuet())), minuet())


def test_a_plain_doctype_is_fine_and_never_fetched(tmp_path: Path, xml: str) -> None:
    assert same_music(read_score(saved(tmp_path / "a.xml", HEAD + DOCTYPE + xml)), minuet())


BOMBS = {
    "billion laughs": '<!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    "external entity": '<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    "parameter entity": '<!DOCTYPE s [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]>',
}


@pytest.mark.parametrize("name", BOMBS)
def test_entities_are_refused(tmp_path: Path, xml: str, name: str) -> None:
    path = saved(tmp_path / "a.musicxml", HEAD + BOMBS[name] + xml)
    with pytest.raises(ScoreError, match="without entities"):
        read_score(path)


def test_entities_are_refused_inside_the_container(tmp_path: Path) -> None:
    evil = (HEAD + BOMBS["billion laughs"]).encode() + container("m.xml")
    path = packed(tmp_path / "a.mxl", {"META-INF/container.xml": evil})
    with pytest.raises(ScoreError, match="without entities"):
        read_score(path)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_SCORE_BYTES", 100_000)
    path = packed(tmp_path / "a.mxl", {"META-INF/container.xml": container("m.xml"), "m.xml": b" " * 10_000_000})
    with pytest.raises(ScoreError, match="unpacked"):
        read_score(path)


def test_paths_out_of_the_archive_lead_nowhere(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.mxl", {"META-INF/container.xml": container("../../../../etc/passwd")})
    with pytest.raises(ScoreError, match=r"a container that names \.\./"):
        read_score(path)


def test_absurd_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ScoreError, match="0 bytes"):
        read_score(saved(tmp_path / "empty.mid", b""))
    with pytest.raises(ScoreError, match="readable"):
        read_score(tmp_path / "missing.mid")
    with pytest.raises(ScoreError, match="readable"):
        (tmp_path / "folder.mid").mkdir()
        read_score(tmp_path / "folder.mid")
    with pytest.raises(ScoreError, match="one of"):
        read_score(saved(tmp_path / "song.mp3", b"x"))
    monkeypatch.setattr(file_bytes, "MAX_SCORE_BYTES", 10)
    with pytest.raises(ScoreError, match="1 to 10 bytes"):
        read_score(saved(tmp_path / "big.mid", b"x" * 11))


def test_scores_without_notes_are_refused(tmp_path: Path) -> None:
    part = "<part-list><score-part id='P1'><part-name/></score-part></part-list><part id='P1'/>"
    empty = f"<score-partwise>{part}</score-partwise>"
    with pytest.raises(ScoreError):
        read_score(saved(tmp_path / "a.xml", empty))
    mido.MidiFile(tracks=[mido.MidiTrack()]).save(tmp_path / "a.mid")
    with pytest.raises(ScoreError, match="no notes"):
        read_score(tmp_path / "a.mid")


def test_other_xml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="MusicXML"):
        read_score(saved(tmp_path / "a.xml", "<html/>"))


@pytest.mark.parametrize(
    "rows",
    [
        [(0, 1, 60, 64)] * (MAX_NOTES + 1),
        [(0, 1, 60, 64), (1e9, 1, 60, 64)],
        [(0, float("nan"), 60, 64)],
        [(float("inf"), 1, 60, 64)],
        [(0, -1, 60, 64)],
        [(0, 1, 300, 64)],
    ],
)
def test_absurd_notes_are_refused(rows: list) -> None:
    with pytest.raises(ScoreError):
        make_score("absurd", rows)


def midi_bytes() -> bytes:
    buffer = io.BytesIO()
    notes = [mido.Message("note_on", note=60 + i % 12, velocity=64, time=100) for i in range(40)]
    mido.MidiFile(tracks=[mido.MidiTrack(notes)]).save(file=buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", [".mid", ".musicxml", ".mxl"])
def test_broken_bytes_are_one_clear_error_or_a_score(tmp_path: Path, suffix: str, xml: str) -> None:
    """Truncation anywhere, flipped bytes and noise: a ScoreError of one line, or a score, never anything else."""
    whole = {".mid": midi_bytes(), ".musicxml": (HEAD + xml).encode()}
    members = {"META-INF/container.xml": container("m.xml"), "m.xml": whole[".musicxml"]}
    whole[".mxl"] = packed(tmp_path / "w.mxl", members).read_bytes()
    data, dice = whole[suffix], random.Random(7)
    tries = [data[: len(data) * i // 12] for i in range(12)] + [dice.randbytes(300) for _ in range(5)]
    for _ in range(10):
        flipped = bytearray(data)
        for _ in range(5):
            flipped[dice.randrange(len(flipped))] = dice.randrange(256)
        tries.append(bytes(flipped))
    refused = 0
    for attempt in tries:
        try:
            assert len(read_score(saved(tmp_path / f"try{suffix}", attempt)).onset_quarter)
        except ScoreError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused >= 10


def test_a_midi_file_that_lies_about_its_length_costs_nothing(tmp_path: Path) -> None:
    """A track header that claims 4 GB, and a delta time of years."""
    lying = saved(tmp_path / "a.mid", midi_bytes()[:18] + b"\xff\xff\xff\xff" + midi_bytes()[22:])
    score = read_score(lying)
    assert len(score.onset_quarter) == 40
    assert "false length" in score.notices[0]
    years = [mido.Message("note_on", note=60, velocity=64), mido.Message("note_on", note=60, time=2**28 - 1)]
    mido.MidiFile(ticks_per_beat=1, tracks=[mido.MidiTrack(years)]).save(tmp_path / "b.mid")
    with pytest.raises(ScoreError, match="quarters"):
        read_score(tmp_path / "b.mid")


def test_a_bar_of_almost_nothing_is_ignored(tmp_path: Path) -> None:
    track = mido.MidiTrack([mido.MetaMessage("time_signature", numerator=1, denominator=2**30)])
    track += [mido.Message("note_on", note=60 + i, time=480) for i in range(9)]
    mido.MidiFile(tracks=[track]).save(tmp_path / "a.mid")
    assert len(read_score(tmp_path / "a.mid").bar_number) <= 3


def test_the_engine_side_never_loads_a_score_reader() -> None:
    code = "import engine.following.follower, sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"defusedxml", "mido"} & {name.split(".")[0] for name in result.stdout.split()}


@pytest.mark.shared
@pytest.mark.slow
def test_every_annotated_onset_of_the_recordings_is_in_its_score(shared: Path) -> None:
    for folder in sorted((shared / "alignment").iterdir()):
        score = read_score(next(folder.glob("score.*")))
        quarter, _ = read_truth(folder / "truth.csv")
        away = np.abs(quarter[:, None] - score.onset_quarter).min(axis=1)
        assert away.max() <= 1e-3, folder.name  # the truth's quarters are rounded to five digits, some from float32
