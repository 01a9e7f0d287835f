"""Batches of files: nothing is lost, overwritten or left out without a word, whatever the files are called or hold."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.files import AudioReader
from engine.core.whole_file import open_text
from offline.datasets.scenes import read_tsv
from tests.cli.files import HPSS, collaparte, record, stems_below
from tests.networks.detection import small_crnn_file
from tests.networks.separation import small_file


def length(path: Path) -> int:
    return int(soundfile.info(os.fsencode(path)).frames)


def test_two_songs_of_one_name_get_two_folders(tmp_path: Path) -> None:
    for folder, n in (("a", 5000), ("b", 7000)):
        record(tmp_path / folder / "song.wav", n)
    result = collaparte("separate", tmp_path / "a/song.wav", tmp_path / "b/song.wav", "--output", tmp_path / "z")
    assert result.status == 0
    assert stems_below(tmp_path / "z") == {"a-song": [*HPSS], "b-song": [*HPSS]}
    assert [length(tmp_path / "z" / name / HPSS[0]) for name in ("a-song", "b-song")] == [5000, 7000]
    assert result.lines[-1] == "2 done, 0 failed, 0 left out"


def test_a_second_run_with_other_options(tmp_path: Path) -> None:
    song, out = record(tmp_path / "song.wav"), tmp_path / "z"
    assert collaparte("separate", song, "--output", out, "--residual", 2).status == 0
    refused = collaparte("separate", song, "--output", out)
    assert refused.status == 2 and len(refused.lines) == 1
    assert "with other settings; --overwrite replaces them, another --output keeps them" in refused.lines[0]
    assert stems_below(out) == {"song": ["harmonic.wav", "percussive.wav", "residual.wav"]}
    assert collaparte("separate", song, "--output", out, "--overwrite").status == 0
    assert collaparte("separate", song, "--output", out).status == 0  # a script that runs again
    assert stems_below(out) == {"song": [*HPSS]}


def test_a_run_into_the_folder_of_another(tmp_path: Path) -> None:
    one, two, out = record(tmp_path / "one.wav"), record(tmp_path / "two.wav", 5000), tmp_path / "z"
    run = ("run", "--separate", "hpss", "--output", out, "--events", tmp_path / "e.jsonl")
    assert collaparte(*run, "--input", one).status == 0
    assert collaparte(*run, "--input", one).status == 0
    refused = collaparte(*run, "--input", two)
    assert refused.status == 2 and len(refused.lines) == 1 and "--overwrite" in refused.lines[0]
    assert length(out / HPSS[0]) == 8000
    assert collaparte(*run, "--input", two, "--gain", "harmonic=-6", "--overwrite").status == 0
    assert {path.name for path in out.glob("*.wav")} == {*HPSS, "mix.wav"}
    assert collaparte(*run, "--input", two, "--overwrite").status == 0
    assert {path.name for path in out.glob("*.wav")} == {*HPSS}
    assert length(out / HPSS[0]) == 5000


def test_a_cut_file_gives_what_is_there_and_status_2(tmp_path: Path) -> None:
    whole = record(tmp_path / "whole.wav", 8000)
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole.read_bytes()[: 44 + 2 * 5000])
    told = f"collaparte: {cut}: expected 8000 samples, as its header says, got 5000 (0.6 s); what is there was taken"
    result = collaparte("separate", cut, whole, "--output", tmp_path / "z")
    assert result.status == 2 and result.errors == [told] and not result.out
    assert result.lines[-1] == "2 done (1 of them cut off), 0 failed, 0 left out"
    assert length(tmp_path / "z/cut" / HPSS[0]) == 5000
    run = ("run", "--input", cut, "--separate", "hpss", "--output", tmp_path / "r", "--events", tmp_path / "e.jsonl")
    result = collaparte(*run)
    assert result.status == 2 and result.errors == [told]
    events = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    at_s = pytest.approx(5000 / 8000)
    lost = {"type": "dropout", "at_s": at_s, "emitted_at_s": at_s, "samples": 3000, "where": str(cut)}
    assert lost in events
    assert length(tmp_path / "r" / HPSS[1]) == 5000
    result = collaparte("tag", cut, "--model", small_crnn_file(), "-o", tmp_path / "t.tsv")
    assert result.status == 2 and result.errors == [told] and set(read_tsv(tmp_path / "t.tsv")) == {"cut.wav"}


ZOO = [
    b"latin\xe9.wav",
    "caf\u00e9.wav".encode(),
    "cafe\u0301.wav".encode(),
    b"Song.wav",
    b"song.wav",
    b"new\nline.wav",
]
ZOO += [b'"quote".wav', b"tab\there.wav", "☺ emoji.wav".encode(), b" space .wav", b"\x1b[31mred.wav", b"a,b;c.wav"]
ZOO += [b"n" * 251 + b".wav", b"song.wav.wav", b"$HOME.wav", b"%s{}.wav", b"-o.wav"]


def test_names_of_every_kind(tmp_path: Path) -> None:
    for name in ZOO:
        record(tmp_path / "in" / os.fsdecode(name), 2000)
    events, tags = tmp_path / "new/t.tsv", tmp_path / "new/t.csv"
    model = ("--model", small_crnn_file(), "--threshold", "0.3")
    result = collaparte("tag", tmp_path / "in", *model, "-o", events, "--tags", tags)
    assert result.status == 0 and result.lines[-1] == f"{len(ZOO)} done, 0 failed, 0 left out"
    assert sorted(map(os.fsencode, read_tsv(events))) == sorted(ZOO)
    with open_text(tags) as lines:
        assert sorted({os.fsencode(row["filename"]) for row in csv.DictReader(lines)}) == sorted(ZOO)
    printed = collaparte("tag", tmp_path / "in", *model).out
    rows = csv.DictReader(io.StringIO(printed, newline=""), delimiter="\t")
    assert sorted({os.fsencode(row["filename"]) for row in rows}) == sorted(ZOO)
    result = collaparte("separate", tmp_path / "in", "--output", tmp_path / "z")
    assert result.status == 0
    assert len(stems_below(tmp_path / "z")) == len(ZOO)
    assert all(stems == [*HPSS] for stems in stems_below(tmp_path / "z").values())


def test_run_writes_a_name_in_any_bytes_as_json(tmp_path: Path) -> None:
    whole = record(tmp_path / "whole.wav")
    cut = tmp_path / os.fsdecode(b"latin\xe9\n.wav")
    cut.write_bytes(whole.read_bytes()[:9000])
    events, plot = tmp_path / "e.jsonl", tmp_path / "p.png"
    result = collaparte("run", "--input", cut, "--score", whole, "--events", events, "--plot", plot)
    assert result.status == 2 and len(result.errors) == 1
    last = [json.loads(line) for line in events.read_text(encoding="ascii").splitlines()]
    assert [os.fsencode(each["where"]) for each in last if each["type"] == "dropout"] == [os.fsencode(cut)]
    assert plot.stat().st_size > 10_000


KINDS = [
    ("one sample", {"n": 1}),
    ("8 bits", {"subtype": "PCM_U8"}),
    ("64 bits", {"subtype": "DOUBLE"}),
    ("192 kHz", {"rate": 192_000}),
    ("1 kHz", {"rate": 1000}),
    ("six channels", {"n_channels": 6}),
]


@pytest.mark.parametrize("options", [options for _, options in KINDS], ids=[kind for kind, _ in KINDS])
def test_recordings_of_every_kind(tmp_path: Path, options: dict) -> None:
    song = record(tmp_path / "song.wav", **options)
    assert collaparte("separate", song, "--output", tmp_path / "z").status == 0
    info = soundfile.info(str(tmp_path / "z/song" / HPSS[0]))
    assert (info.frames, info.channels, info.samplerate) == (
        options.get("n", 8000),
        options.get("n_channels", 1),
        options.get("rate", 8000),
    )
    assert collaparte("tag", song, "--model", small_crnn_file(), "-o", tmp_path / "t.tsv").status == 0
    assert set(read_tsv(tmp_path / "t.tsv")) == {"song.wav"}


def test_a_recording_with_samples_that_are_none(tmp_path: Path) -> None:
    sound = np.full((8000, 2), 0.1, np.float32)
    sound[3000:3010] = np.nan
    sound[5000] = np.inf
    soundfile.write(tmp_path / "nan.wav", sound, 8000, subtype="FLOAT")
    assert collaparte("separate", tmp_path / "nan.wav", "--output", tmp_path / "z").status == 0
    for name in HPSS:
        with AudioReader(tmp_path / "z/nan" / name) as reader:
            assert np.isfinite(reader.read()).all()


def test_odd_files_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Each with a line of its own, and the remedy."""
    good, empty, none, text = (tmp_path / name for name in ("good.wav", "empty.wav", "none.wav", "text.wav"))
    record(good)
    soundfile.write(none, np.zeros((0, 2)), 8000)
    empty.write_bytes(b"")
    text.write_text("no sound" * 100)
    os.mkfifo(tmp_path / "pipe.wav")
    six = record(tmp_path / "six.wav", n_channels=6, rate=44100)
    odd = {
        empty: "an empty file (0 bytes)",
        none: "a header without samples",
        text: "Format not recognised; convert it",
        tmp_path / "pipe.wav": "a pipe or a device, which is read only once; write it to a file first",
        tmp_path / "gone.wav": "nothing there; check the path",
        Path("https://x.org/a.wav"): "an address; download it first",
        tmp_path / "in": "an empty folder",
    }
    (tmp_path / "in").mkdir()
    result = collaparte("separate", *odd, good, "--output", tmp_path / "z")
    assert result.status == 2 and stems_below(tmp_path / "z") == {"good": [*HPSS]}
    assert result.lines[-1] == f"1 done, {len(odd)} failed, 0 left out"
    for path, said in odd.items():
        assert [line for line in result.errors if line.startswith(f"collaparte: {path}: ") and said in line], path
    result = collaparte("separate", six, good, "--model", small_file(), "--output", tmp_path / "y")
    assert result.status == 2 and stems_below(tmp_path / "y").keys() == {"good"}
    assert f"{six}: n_channels: expected 1 or 2, got 6; choose channels, or mix a file down" in result.errors[0]
    assert (
        str(six) in collaparte("run", "--input", six, "--separate", small_file(), "--output", tmp_path / "x").lines[0]
    )


def test_a_folder_is_separated_and_its_own_stems_are_not(tmp_path: Path) -> None:
    for name in ("a.wav", "B.WAVE", "deep/c.oga", "deep/d.flac", "deep/e.aif"):
        record(tmp_path / "in" / name, 2000)
    (tmp_path / "in/notes.txt").write_text("x")
    (tmp_path / "in/._a.wav").write_text("x")
    for _ in range(2):  # a second run finds the first one's stems
        result = collaparte("separate", tmp_path / "in/deep", tmp_path / "in", "--output", tmp_path / "in/z")
        assert result.status == 0
        assert set(stems_below(tmp_path / "in/z")) == {"a", "B", "c", "d", "e"}
        assert "1 .txt" in result.lines[-1] and "hidden" in result.lines[-1]
    assert "5 stems of ours" in result.lines[-1]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("tag", "{song}", "-o", "{song}"), "expected another file than the input, got the input itself"),
        (("tag", "{song}", "-o", "{folder}"), "expected a place to write a file, got a folder"),
        (("tag", "{song}", "--tags", "{song}/t.csv"), "expected a place to write a file"),
        (("separate", "{folder}", "-o", "{song}"), "expected a folder to write to, got a file"),
        (("separate", "{song}", "--iterations", "0"), "--iterations: expected a number from 1 to 20, got 0"),
        (("separate", "{song}", "--residual", "nan"), "--residual: expected a finite number, got 'nan'"),
        (("run", "--input", "{song}", "--separate", "hpss", "--output", "z", "--duration", "inf"), "finite number"),
        (("run", "--input", "{song}", "--rate", "-5"), "--rate: expected a number from 1000 to 384000"),
        (("evaluate", "hpss", "{folder}", "--seconds", "nan"), "--seconds: expected a finite number"),
        (("align", "{song}", "{song}", "-o", "{song}"), "got the input itself"),
        (("align", "{song}", "{song}", "-o", "{folder}/t.csv", "--plot", "{song}/p.png"), "a place to write"),
    ],
)
def test_limits_are_checked_before_the_work(tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    song = record(tmp_path / "song.wav")
    before = song.read_bytes()
    result = collaparte(*(arg.format(song=song, folder=tmp_path) for arg in args))
    assert result.status == 2 and len(result.lines) == 1 and said in result.lines[0]
    assert song.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["song.wav"]


def test_an_input_of_run_is_not_overwritten_by_its_stems(tmp_path: Path) -> None:
    take = record(tmp_path / "harmonic.wav")
    before = take.read_bytes()
    for more in ((), ("--overwrite",)):
        result = collaparte("run", "--input", take, "--separate", "hpss", "--output", tmp_path, *more)
        assert result.status == 2 and "got the input itself" in result.lines[0]
        assert take.read_bytes() == before
