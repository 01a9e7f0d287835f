"""More isolated sounds from free packages of Debian: speakers, and sounds that are no event.

`debian_sounds.csv` says what the files of each package are; all are free for any use under their own licences, whose
texts are kept beside the sounds. Writes the layout of `offline.synthesis.sound_bank`, for `collaparte data scenes
--more`.
"""

from __future__ import annotations

import csv
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from tqdm import tqdm

from engine.core.errors import ConfigError
from engine.core.table_log import TableLog
from engine.detection.frame_clock import SOUND_RATE
from offline.resample import resample

__all__ = ["TABLE", "PackageSounds", "chosen_files", "fetch", "make_sounds", "read_table", "rows_of", "source_of"]

TABLE = Path(__file__).with_name("debian_sounds.csv")
LONGEST_S = 15.0  # longest part of a file, from its middle
DESCRIPTION = re.compile(r"_desc_([a-z]+)")  # the speaker's language in a name of tuxpaint's


class PackageSounds(NamedTuple):
    """One kind of file in a package.

    package: name
    files: pattern of paths
    but: pattern of paths to leave out
    label: what they are
    source: a text in which {stem} is the file's name, {N} its Nth folder counted from it, {desc} tuxpaint's language
    most: largest number of files from one source
    """

    package: str
    files: str
    but: str
    label: str
    source: str
    most: int


def read_table(path: Path = TABLE) -> list[PackageSounds]:
    """Read the rows of the table; ConfigError names a bad line."""
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.reader(lines)
        next(reader, None)
        rows = []
        for number, cells in enumerate(reader, 2):
            try:
                package, files, but, label, source, most = cells
                rows.append(PackageSounds(package, files, but, label, source, int(most)))
            except (TypeError, ValueError) as error:
                expected = "package, files, except, label, source, most"
                raise ConfigError(f"{path}, line {number}", expected=expected, got=repr(cells)) from error
    return rows


def rows_of(packages: Sequence[str] | None = None) -> list[PackageSounds]:
    """Return the rows of these packages, or all; ConfigError if the table has none of one."""
    rows = read_table()
    missing = set(packages or ()) - {row.package for row in rows}
    if missing:
        raise ConfigError("--packages", expected=f"packages of {TABLE.name}", got=", ".join(sorted(missing)))
    return [row for row in rows if packages is None or row.package in packages]


def source_of(row: PackageSounds, path: Path) -> str:
    """Return the recording or speaker that a file comes from."""
    folders = [part.name for part in path.parents]
    found = DESCRIPTION.search(path.name)
    return row.source.format(*["", *folders], stem=path.stem, desc=found.group(1) if found else "")


def chosen_files(row: PackageSounds, unpacked: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files of a row with their sources; evenly spread ones of a source with too many."""
    of: dict[str, list[Path]] = {}
    for path in sorted(unpacked.glob(row.files)):
        if path.is_file() and not (row.but and re.search(row.but, "/" + str(path.relative_to(unpacked)))):
            of.setdefault(source_of(row, path), []).append(path)
    for source, paths in of.items():
        for i in sorted(set(np.linspace(0, len(paths) - 1, min(row.most, len(paths))).astype(int))):
            yield paths[i], source


def fetch(package: str, cache: Path) -> Path:
    """Return the folder of an unpacked package; apt downloads it if it is not there yet."""
    unpacked = cache / package
    if not unpacked.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        _command("apt-get", "download", package, folder=cache)
        archive = next(cache.glob(f"{package}_*.deb"))
        half = cache / f"{package}.part"  # a folder that exists is a complete package
        _command("dpkg-deb", "-x", archive.name, half.name, folder=cache)
        half.rename(unpacked)
        archive.unlink()
    return unpacked


def _command(*words: str, folder: Path) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        remedy = "run apt-get update on a Debian system"
        raise ConfigError(" ".join(words), expected="success", got=done.stderr.strip()[-200:], remedy=remedy)


def make_sounds(output: Path, cache: Path, rows: Sequence[PackageSounds]) -> int:
    """Write OUT/LABEL/*.flac (mono, 22.05 kHz), manifest.csv and licences/PACKAGE; return the number of sounds."""
    output.mkdir(parents=True, exist_ok=True)
    n = 0
    with TableLog(output / "manifest.csv", ("file", "label", "source", "origin")) as manifest:
        for row in tqdm(rows, unit="row"):
            unpacked = fetch(row.package, cache)
            _keep_licence(row.package, unpacked, output / "licences")
            chosen = list(chosen_files(row, unpacked))
            if not chosen:
                raise ConfigError(f"package {row.package}", expected=row.files, got="no such file")
            for path, source in chosen:
                audio = _cut(path, LONGEST_S)
                if audio is None:
                    continue
                name = f"{row.label}/{n:05d}.flac"
                (output / row.label).mkdir(exist_ok=True)
                soundfile.write(output / name, audio, SOUND_RATE, subtype="PCM_16")
                manifest.write([(name, row.label, source, f"{row.package}: {path.name}")])
                n += 1
    return n


def _keep_licence(package: str, unpacked: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    text = unpacked / "usr/share/doc" / package / "copyright"
    if text.is_file():
        (folder / package).write_bytes(text.read_bytes())


def _cut(path: Path, seconds: float) -> np.ndarray | None:
    """Return the middle of a file, mono (sample) at 22.05 kHz, peak 0.9; None if it is silent or unreadable."""
    try:
        with soundfile.SoundFile(path) as file:
            n = min(int(seconds * file.samplerate), len(file))
            file.seek((len(file) - n) // 2)
            audio, rate = file.read(n, dtype="float32", always_2d=True), file.samplerate
    except (soundfile.LibsndfileError, OSError):
        return None
    mono = resample(np.nan_to_num(audio.mean(1, keepdims=True)), rate, SOUND_RATE)[:, 0]
    peak = float(np.abs(mono).max(initial=0))
    return mono * (0.9 / peak) if peak > 1e-4 else None
