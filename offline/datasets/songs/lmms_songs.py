"""Multitracks to train separation on, from LMMS projects: their tracks, drums and basses apart from everything else.

Writes FOLDER/NAME/{vocals,drums,bass,other}.ogg, the vocals silent. Where no track calls itself a bass, there may be
one all the same: then no bass is written, which says that `other` may hold it. Free songs by musicians come with
Debian's lmms-common; those are taken whose licence makes no demands on works made from them. Needs the program `lmms`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import zlib
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
import soundfile
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring, tostring

from engine.core.errors import AudioFileError, ConfigError, ScoreError
from offline.datasets.songs.module_songs import BASS_NAMES, DRUM_NAMES, write_song
from offline.synthesis.songs_render import RATE

__all__ = ["find_projects", "kind_of_track", "make_lmms_song", "only_kind", "read_project", "render_project"]

PROJECTS = Path("/usr/share/lmms/projects")  # where Debian installs them
SHARE_ALIKE = re.compile(r"Alf42red|TwilightArea|Jousboxx|Skiessi")  # CC BY-SA, by lmms-common's copyright file
SUFFIXES = {".mmp", ".mmpz"}
ROOTS = ("lmms-project", "multimedia-project")  # the latter before version 0.4
DRUM_FOLDERS = ("drums/", "drumsynth/", "beats/")  # of LMMS's own samples
NO_DRUMS = re.compile(r"piano|mute.?bass|ufo|alien|sonar|zip|buzz", re.IGNORECASE)  # in those folders, but no drums
SOUNDING = {"0", "2"}  # types of tracks: instruments and samples
SIZE_BYTES = 4  # a compressed project begins with its length
LARGEST = 1 << 26  # largest size of an unpacked project
PATIENCE_S = 900.0
SHORTEST_S = 10.0


def read_project(path: Path) -> Element:
    """Read the XML of a project, compressed or not; ScoreError if it is not one."""
    try:
        data = path.read_bytes()
        if path.suffix == ".mmpz":
            data = zlib.decompressobj().decompress(data[SIZE_BYTES:], LARGEST)
        root: Element = fromstring(data)
    except (OSError, ValueError, zlib.error, ParseError, DefusedXmlException) as error:
        raise ScoreError(str(path), expected="an LMMS project", got=" ".join(str(error).split())[:100]) from error
    if root.tag not in ROOTS:
        raise ScoreError(str(path), expected="an LMMS project", got=f"<{root.tag}>")
    return root


def kind_of_track(track: Element) -> str:
    """Return `drums`, by the folder of an instrument's sample or by its name, `bass`, by its name, or `other`."""
    sampler, name = track.find("instrumenttrack/instrument/audiofileprocessor"), track.get("name", "")
    source = "" if sampler is None else sampler.get("src", "")
    no_drum = NO_DRUMS.search(name) or NO_DRUMS.search(source.rsplit("/", 1)[-1])
    if not no_drum and (source.startswith(DRUM_FOLDERS) or DRUM_NAMES.search(name)):
        return "drums"
    return "bass" if BASS_NAMES.search(name) else "other"


def only_kind(project: Element, kind: str) -> Element:
    """Return the project with only the tracks of a kind audible; what was muted before stays so."""
    copy: Element = fromstring(tostring(project))
    for track in copy.iter("track"):
        if track.get("type") in SOUNDING and kind_of_track(track) != kind:
            track.set("muted", "1")
    return copy


def kinds_in(project: Element) -> list[str]:
    """Return the kinds of the tracks that sound, drums and other always."""
    tracks = [track for track in project.iter("track") if track.get("type") in SOUNDING and track.get("muted") != "1"]
    basses = any(kind_of_track(track) == "bass" for track in tracks)
    return ["drums", "bass", "other"] if basses else ["drums", "other"]


def render_project(project: Element) -> np.ndarray:
    """Render a project to (sample, channel) at 44.1 kHz; ConfigError if the program is missing or fails."""
    if shutil.which("lmms") is None:
        remedy = "apt-get install lmms, on a Debian system"
        raise ConfigError("lmms", expected="the program", got="none here", remedy=remedy)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "song.mmp"), Path(folder, "song.wav")
        source.write_bytes(tostring(project))
        command = ["lmms", "--allowroot", "render", str(source), "-a", "-f", "wav", "-s", str(RATE), "-o", str(target)]
        headless = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": folder}
        try:
            done = subprocess.run(command, env=headless, capture_output=True, timeout=PATIENCE_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise ConfigError("lmms", expected=f"an end within {PATIENCE_S:.0f} s", got="none") from error
        if not target.is_file():
            raise ConfigError("lmms", expected="a rendered song", got=done.stderr.decode(errors="replace")[-200:])
        audio, _ = soundfile.read(target, dtype="float32", always_2d=True)
    return np.asarray(audio)


def make_lmms_song(path: Path, target: Path) -> None:
    """Write the stems of a project; AudioFileError if it is too short, or has no drums beside something else."""
    project = read_project(path)
    stems = {kind: render_project(only_kind(project, kind)) for kind in kinds_in(project)}
    n_samples = min(len(audio) for audio in stems.values())
    loudest = [float(np.abs(stems[kind]).max(initial=0)) for kind in ("drums", "other")]
    if n_samples < SHORTEST_S * RATE or min(loudest) == 0:
        expected = f"drums beside something else, for {SHORTEST_S:.0f} s at least"
        got = "not both" if min(loudest) == 0 else f"{n_samples / RATE:.0f} s"
        raise AudioFileError(str(path), expected=expected, got=got, remedy="it is left out")
    write_song(target, stems)


def find_projects(folder: Path | None = None) -> list[Path]:
    """The projects of a folder, or of those that come with LMMS the ones whose licence asks nothing; ConfigError."""
    paths = sorted(path for path in (folder or PROJECTS).rglob("*") if path.suffix in SUFFIXES)
    if folder is None:
        paths = [path for path in paths if not SHARE_ALIKE.search(path.name)]
    if not paths:
        remedy = "apt-get install lmms-common"
        raise ConfigError(str(folder or PROJECTS), expected="LMMS projects", got="none", remedy=remedy)
    return paths
