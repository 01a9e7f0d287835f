"""Render the gallery: pictures and short sounds, each with the commands that made it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import soundfile

from cli.app import main

__all__ = ["EXHIBITS", "Exhibit", "render_gallery"]

DOCS = Path(__file__).parents[1]
FOLDER, PAGE = DOCS / "gallery", DOCS / "gallery.md"
START_S, SECONDS, FADE_S = 4.0, 8.0, 0.05  # of every sound
HEAD = """\
# Gallery

`make docs` renders it: the commands are run as printed, and the sounds are cut to a few seconds. Everything here
is made by the project from public-domain music.
"""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One section of the page.

    title, text: what it shows
    commands: what is run, one after another, in one folder
    pictures, sounds: the files to show, as the commands write them
    """

    title: str
    text: str
    commands: tuple[str, ...]
    pictures: tuple[str, ...] = ()
    sounds: tuple[str, ...] = ()


EXHIBITS = (
    Exhibit(
        "Following and separating at once",
        "A minuet played with rubato and a brush on the beats: its sound, its harmonic and percussive stems, and the "
        "path through the score with the error of every onset. Then a duet: an oboe plays freely, the engine adds "
        "the harp. Last, the page that `collaparte stage` puts on the stand, at work.",
        ("collaparte demo --output demo",),
        pictures=("demo/picture.png", "demo/duet/duet.png", "demo/stage.png"),
        sounds=("demo/performance.wav", "demo/harmonic.wav", "demo/percussive.wav", "demo/duet/duet.wav"),
    ),
    Exhibit(
        "Aligning a whole file",
        "When each onset of the score sounds, from the whole recording.",
        ("collaparte align demo/score.musicxml demo/performance.wav --output aligned.csv --plot aligned.png",),
        pictures=("aligned.png",),
    ),
    Exhibit(
        "Chorales",
        "Four voices by the frame network and by DeepBach, from a seed.",
        (
            "collaparte generate --model Frames --output frames.wav --bars 6 --seed 3",
            "collaparte generate --model DeepBach --output deepbach.wav --bars 6 --seed 3",
        ),
        sounds=("frames.wav", "deepbach.wav"),
    ),
    Exhibit(
        "Tunes and drums",
        "A tune in the manner of Irish sessions, and a drum pattern.",
        (
            "collaparte generate --model Celtic --output celtic.wav --bars 8 --seed 1",
            "collaparte generate --model Rhythm --output rhythm.wav --bars 8 --seed 1",
        ),
        sounds=("celtic.wav", "rhythm.wav"),
    ),
)


def render_gallery(exhibits: tuple[Exhibit, ...] = EXHIBITS, folder: Path = FOLDER, page: Path = PAGE) -> list[Path]:
    """Run every command, keep pictures and short sounds in `folder`, write `page`; return what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        sections, written = [], []
        for exhibit in exhibits:
            _run(exhibit, Path(work))
            files = list(_keep(exhibit, Path(work), folder))
            written += files
            sections.append(_section(exhibit, files, page.parent))
    page.write_text(HEAD + "".join(sections), encoding="utf-8")
    return [*written, page]


def _run(exhibit: Exhibit, work: Path) -> None:
    for command in exhibit.commands:
        with chdir(work):
            status = main(command.split()[1:])
        if status != 0:
            raise SystemExit(f"{command}: exit status {status}")


def _keep(exhibit: Exhibit, work: Path, folder: Path) -> Iterator[Path]:
    for name in exhibit.pictures:
        yield Path(shutil.copy(work / name, folder / Path(name).name))
    for name in exhibit.sounds:
        target = folder / f"{Path(name).stem}.ogg"
        _shorten(work / name, target)
        yield target


def _shorten(source: Path, target: Path) -> None:
    """Some seconds of a sound, faded at both ends."""
    sound, rate = soundfile.read(source, dtype="float32", always_2d=True)
    start = min(round(START_S * rate), max(0, len(sound) - round(SECONDS * rate)))
    part = sound[start : start + round(SECONDS * rate)].copy()
    n = min(round(FADE_S * rate), len(part))
    for i in range(n):
        part[i] *= i / n
        part[len(part) - 1 - i] *= i / n
    soundfile.write(target, part, rate, format="OGG", subtype="VORBIS")


def _section(exhibit: Exhibit, files: list[Path], root: Path) -> str:
    commands = "\n".join(exhibit.commands)
    shown = "\n\n".join(_shown(path, root) for path in files)
    return f"\n## {exhibit.title}\n\n{exhibit.text}\n\n```\n{commands}\n```\n\n{shown}\n"


def _shown(path: Path, root: Path) -> str:
    place = path.relative_to(root).as_posix()
    return f"![{path.stem}]({place})" if path.suffix == ".png" else f"[Listen: {path.stem}]({place})"
