"""Play MIDI by the FluidSynth program and the soundfonts of the system."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt
import soundfile

from engine.core.errors import EngineError

__all__ = ["installed_soundfonts", "midi_of", "play_midi"]

FOLDER = Path("/usr/share/sounds")
TIMEOUT_S = 600.0
WITHOUT_ROOM = ("-R", "0", "-C", "0")


def installed_soundfonts() -> list[Path]:
    """Return the system's soundfonts, each once, by name; EngineError if there is none, or no FluidSynth."""
    found = {path.resolve() for kind in ("sf2", "sf3") for path in (FOLDER / kind).glob(f"*.{kind}")}
    if not found or shutil.which("fluidsynth") is None:
        remedy = "apt-get install fluidsynth fluid-soundfont-gm musescore-general-soundfont"
        raise EngineError("soundfonts", expected="FluidSynth and a soundfont", got="none", remedy=remedy)
    return sorted(found)


def midi_of(
    events: Iterable[tuple[int, mido.Message]], *, ticks_per_beat: int, head: Sequence[mido.MetaMessage]
) -> mido.MidiFile:
    """Return a MIDI file of one track: messages at their ticks, in order, after those of `head` at the start."""
    track, now = mido.MidiTrack(head), 0
    for tick, message in events:
        track.append(message.copy(time=tick - now))
        now = tick
    return mido.MidiFile(ticks_per_beat=ticks_per_beat, tracks=[track])


def play_midi(
    midi: mido.MidiFile, soundfont: Path, sample_rate: int, *, options: Sequence[str] = ()
) -> npt.NDArray[np.float32]:
    """Return sound (sample, channel) without room; SubprocessError, OSError or LibsndfileError if FluidSynth fails."""
    with tempfile.TemporaryDirectory() as folder:
        source, wave = Path(folder, "played.mid"), Path(folder, "played.wav")
        midi.save(source)
        command = ["fluidsynth", "-ni", *WITHOUT_ROOM, *options, "-r", str(sample_rate), "-T", "wav", "-F", str(wave)]
        subprocess.run([*command, str(soundfont), str(source)], check=True, capture_output=True, timeout=TIMEOUT_S)
        audio, _ = soundfile.read(wave, dtype="float32", always_2d=True)
    return np.asarray(audio)
