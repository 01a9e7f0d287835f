"""`collaparte batch`: the same results as one by one, and a second command that does what is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from offline.datasets.scenes import read_tsv
from tests.cli.files import HPSS, collaparte, record, stems_below
from tests.networks.detection import small_crnn_file

PATIENCE_S = 60
MODEL = ("--model", small_crnn_file(), "--threshold", "0.3")
ONE, TWO = ("--workers", 1, "--nice", 0), ("--workers", 2, "--nice", 0)


def test_tag_gives_the_table_of_tag_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    for i in range(3):
        record(tmp_path / "in" / f"{i}.wav", 4000 * (i + 1))
    (tmp_path / "in/bad.wav").write_text("no sound" * 100)
    table, again = tmp_path / "t.tsv", tmp_path / "one.tsv"
    words = ("batch", "tag", tmp_path / "in", *MODEL, "-o", table, "--tags", tmp_path / "tags.parquet", *ONE)
    result = collaparte(*words)
    assert result.status == 2 and len(result.errors) == 1 and f"{tmp_path}/in/bad.wav: expected" in result.errors[0]
    assert result.lines[-1] == "3 done, 1 failed, 0 left out"
    collaparte("tag", tmp_path / "in", *MODEL, "-o", again)
    assert table.read_bytes() == again.read_bytes() and len(read_tsv(table)) == 3
    assert pyarrow.parquet.read_table(tmp_path / "tags.parquet")["filename"].to_pylist()[0] == "0.wav"
    second = collaparte(*words)
    assert second.status == 2 and second.lines[0].startswith("3 done before: skipped; 1 failed before: left")
    assert "1 failed: " in second.lines[-2] and second.lines[-1] == "0 done, 1 failed, 3 done before, 0 left out"
    status = collaparte("batch", "status", table)
    assert status.status == 2 and "tag: 3 of 4 done, 1 failed, 0.00 h of audio" in status.out


@pytest.mark.slow
def test_separate_writes_the_stems_of_separate(tmp_path: Path) -> None:
    for i in range(3):
        record(tmp_path / "in" / f"{i}.wav", 4000 * (i + 1))
    result = collaparte("batch", "separate", tmp_path / "in", "-o", tmp_path / "z", *TWO, "--log-json")
    assert result.status == 0
    lines = [json.loads(line) for line in result.out.splitlines() if '"progress"' not in line]  # as slow as it is
    assert [line["type"] for line in lines] == ["plan", "task", "task", "task", "end"]
    assert sorted(line["name"] for line in lines[1:4]) == ["0.wav", "1.wav", "2.wav"] and lines[-1]["done"] == 3
    collaparte("separate", tmp_path / "in", "-o", tmp_path / "one")
    for folder, stems in stems_below(tmp_path / "one").items():
        for stem in stems:
            assert (tmp_path / "z" / folder / stem).read_bytes() == (tmp_path / "one" / folder / stem).read_bytes()
    refused = collaparte("batch", "separate", tmp_path / "in", "-o", tmp_path / "z", "--residual", 2, *ONE)
    assert refused.status == 2 and "--overwrite replaces them" in refused.errors[0]
    record(tmp_path / "in" / "1.wav", 9000)
    result = collaparte("batch", "separate", tmp_path / "in", "-o", tmp_path / "z", "--overwrite", *ONE)
    assert result.status == 0


@pytest.mark.slow
def test_features_have_the_clock_of_their_frames(tmp_path: Path) -> None:
    record(tmp_path / "in" / "a.wav", 44100, rate=22050)
    names = ("cqt", "chroma", "salience", "learned")
    for form in ("npy", "zarr"):
        out = tmp_path / form
        words = ("batch", "features", tmp_path / "in", "-o", out, "--form", form, "--features", *names)
        assert collaparte(*words, *ONE).status == 0
        clock = json.loads((out / "a/clock.json").read_text())["features"]
        for name in names:
            if form == "npy":
                frames = np.load(out / "a" / f"{name}.npy", mmap_mode="r")
                last_s = clock[name]["first_s"] + (len(frames) - 1) / clock[name]["rate_hz"]
                assert frames.shape[1] == clock[name]["n_features"] and np.isfinite(frames).all()
                assert 0 <= clock[name]["first_s"] < 1 / clock[name]["rate_hz"] + 1e-9
                assert 2.0 - 1.01 / clock[name]["rate_hz"] <= last_s < 2.0


def table_of_pieces(demo: Path, tmp_path: Path) -> Path:
    path = tmp_path / "pieces.csv"
    rows = [f"{demo}/score.musicxml,{demo}/performance.wav,duet", f"{demo}/gone.musicxml,{demo}/performance.wav,gone"]
    path.write_text("score,audio,name\n" + "\n".join(rows) + "\n")
    return path


@pytest.mark.slow
def test_pieces_are_aligned_and_followed(tmp_path: Path) -> None:
    assert collaparte("demo", "-o", tmp_path / "demo", "--no-page").status == 0
    table = table_of_pieces(tmp_path / "demo", tmp_path)
    result = collaparte("batch", "align", table, "-o", tmp_path / "aligned", *ONE)
    assert result.status == 2 and len(result.errors) == 1 and "gone.musicxml" in result.errors[0]
    one = ("align", tmp_path / "demo/score.musicxml", tmp_path / "demo/performance.wav", "-o", tmp_path / "one.csv")
    collaparte(*one)
    [aligned] = (tmp_path / "aligned").glob("*.csv")
    assert aligned.read_bytes() == (tmp_path / "one.csv").read_bytes()
    assert collaparte("batch", "follow", table, "-o", tmp_path / "followed", *ONE).status == 2
    [followed] = (tmp_path / "followed").glob("*.jsonl")
    assert '"type": "position"' in followed.read_text()
    (tmp_path / "demo/gone.musicxml").write_bytes((tmp_path / "demo/score.musicxml").read_bytes())
    assert collaparte("batch", "retry", tmp_path / "aligned").status == 0


def start(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "cli", "batch", *map(str, words)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def children_of(group: int) -> list[int]:
    """The processes of a group that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_until_done(manifest: Path, n: int, child: subprocess.Popen[str]) -> None:
    while not manifest.is_file() or manifest.read_bytes().count(b'"ok"') < n:
        assert child.poll() is None, child.stderr and child.stderr.read()
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_no_child_and_nothing_half(tmp_path: Path, number: signal.Signals) -> None:
    for i in range(300):
        record(tmp_path / "in" / f"{i:03d}.wav", 40_000)
    out = tmp_path / "z"
    with start("separate", tmp_path / "in", "-o", out, *TWO) as child:
        wait_until_done(out / ".batch/manifest.jsonl", 4, child)
        os.killpg(child.pid, number)  # as a terminal does: to all of them
        _, said = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 130 and "Traceback" not in said and "the same command again does the rest" in said
    while children_of(child.pid):  # the last of them are going
        time.sleep(0.01)
    found = stems_below(out)
    assert 4 <= len(found) < 300 and all(stems == [*HPSS] for stems in found.values())
    assert not list(out.glob(".collaparte-*"))


@pytest.mark.slow
def test_a_batch_that_is_killed_again_and_again_gives_the_same_table(tmp_path: Path) -> None:
    for i in range(400):
        record(tmp_path / "in" / f"{i:03d}.wav", 4000 + 40 * (i % 7))
    (tmp_path / "in/bad.wav").write_text("no sound" * 100)
    whole, killed = tmp_path / "whole.tsv", tmp_path / "killed.tsv"
    words = ("tag", tmp_path / "in", *MODEL, *TWO, "-o")
    manifest = tmp_path / "killed.tsv.batch/manifest.jsonl"
    for n in (3, 40, 120, 250, 330):
        with start(*words, killed) as child:
            wait_until_done(manifest, n, child)
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
        while children_of(child.pid):
            time.sleep(0.01)
        assert not killed.exists()
    assert collaparte("batch", *words, killed).status == 2
    assert collaparte("batch", *words, whole).status == 2
    assert killed.read_bytes() == whole.read_bytes() and len(read_tsv(whole)) == 400
    done = [json.loads(line) for line in manifest.read_bytes().splitlines() if line.endswith(b"}")]
    names = [row["name"] for row in done if row["status"] == "ok"]
    assert len(names) == len(set(names)) == 400  # nothing lost, nothing twice


def test_what_is_wrong_is_told_before_the_work(tmp_path: Path) -> None:
    song = record(tmp_path / "song.wav")
    for words, said in {
        ("tag", song, "-o", tmp_path / "t.xlsx"): "expected a name that ends in .tsv, .csv, .parquet, got 't.xlsx'",
        ("tag", tmp_path / "*.flac", "-o", tmp_path / "t.tsv"): "expected files that match the pattern, got none",
        ("align", song, "-o", tmp_path / "z"): "song.wav",
        ("status", tmp_path): "expected a batch, got no plan.json",
        ("features", song, "-o", tmp_path / "f", "--features", "cqtt"): "did you mean cqt?",
    }.items():
        result = collaparte("batch", *words)
        assert result.status == 2 and len(result.lines) == 1 and said in result.lines[0], result.lines
