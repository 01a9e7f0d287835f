"""Sounds out of free packages: which files, whose they are, how long they stay, and that packages unpack."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.core.errors import ConfigError
from offline.datasets.debian_sounds import PackageSounds, chosen_files, make_sounds, read_table, rows_of, source_of
from offline.synthesis.sound_bank import list_sounds

RATE = 44100
LABELS = {"_distractor", "cat", "dog", "speech"}


def write(path: Path, seconds: float, *, gain: float = 0.5) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(int(seconds * RATE)) / RATE
    soundfile.write(path, gain * np.stack([np.sin(2 * np.pi * 440 * t)] * 2, 1), RATE)


def test_the_table_names_labels_that_the_mixer_knows() -> None:
    rows = read_table()
    assert {row.label for row in rows} == LABELS
    assert all(row.most >= 1 and row.source and row.files.startswith("usr/share/") for row in rows)


def test_a_line_that_is_no_row_is_named(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("package,files,except,label,source,most\na,b,,speech,one,many\n")
    with pytest.raises(ConfigError, match="line 2"):
        read_table(table)


def test_some_packages_alone() -> None:
    assert rows_of() == read_table()
    assert {row.package for row in rows_of(["klettres-data"])} == {"klettres-data"}
    with pytest.raises(ConfigError, match="got no-such-package"):
        rows_of(["klettres-data", "no-such-package"])


@pytest.mark.parametrize(
    ("source", "file", "expected"),
    [
        ("letters-{2}", "klettres/fr/alpha/a.ogg", "letters-fr"),
        ("paint-{desc}", "stamps/animals/cat_desc_ru.ogg", "paint-ru"),
        ("music-{stem}", "music/tune.ogg", "music-tune"),
    ],
)
def test_a_file_tells_its_source(source: str, file: str, expected: str) -> None:
    assert source_of(PackageSounds("p", "*", "", "speech", source, 1), Path("usr/share") / file) == expected


def test_at_most_so_many_of_a_source_and_none_of_what_is_excluded(tmp_path: Path) -> None:
    for speaker in ("anna", "ben"):
        for i in range(9):
            write(tmp_path / f"usr/share/voices/{speaker}/{i}.wav", 0.1)
        write(tmp_path / f"usr/share/voices/{speaker}/beep.wav", 0.1)
    row = PackageSounds("voices", "usr/share/voices/*/*.wav", "beep", "speech", "{1}", 3)
    chosen = [(path.name, source) for path, source in chosen_files(row, tmp_path)]
    assert chosen == [(f"{i}.wav", who) for who in ("anna", "ben") for i in (0, 4, 8)]


def test_sounds_keep_their_middle_their_source_and_their_licence(tmp_path: Path) -> None:
    packages = tmp_path / "packages/zoo"
    write(packages / "usr/share/zoo/dog.wav", 20)
    write(packages / "usr/share/zoo/dog-silent.wav", 1, gain=0)
    (packages / "usr/share/zoo/dog.mp3").write_text("no audio")
    (packages / "usr/share/doc/zoo").mkdir(parents=True)
    (packages / "usr/share/doc/zoo/copyright").write_text("free")
    n = make_sounds(
        tmp_path / "out", tmp_path / "packages", [PackageSounds("zoo", "usr/share/zoo/*", "", "dog", "{stem}", 5)]
    )
    (sound,) = list_sounds(tmp_path / "out")
    audio, rate = soundfile.read(sound.path)
    assert (n, sound.label, sound.source, rate) == (1, "dog", "dog", 22050)
    assert len(audio) == 15 * 22050
    assert abs(np.abs(audio).max() - 0.9) < 0.01  # resampling's ripple
    assert (tmp_path / "out/licences/zoo").read_text() == "free"
    with (tmp_path / "out/manifest.csv").open(newline="") as lines:
        assert next(csv.DictReader(lines))["origin"] == "zoo: dog.wav"


def test_a_package_without_what_the_table_expects_is_named(tmp_path: Path) -> None:
    write(tmp_path / "packages/zoo/usr/share/zoo/dog.wav", 1)
    with pytest.raises(ConfigError, match="zoo"):
        make_sounds(
            tmp_path / "out",
            tmp_path / "packages",
            [PackageSounds("zoo", "usr/share/zoo/*.ogg", "", "dog", "{stem}", 5)],
        )


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt-get, of Debian")
def test_a_package_that_apt_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no-such-package-of-sounds"):
        make_sounds(
            tmp_path / "out",
            tmp_path / "packages",
            [PackageSounds("no-such-package-of-sounds", "*", "", "dog", "x", 1)],
        )
