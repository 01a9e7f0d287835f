"""Read and write pieces as MIDI files, and render them as sound by FluidSynth."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import mido
import numpy as np
import soundfile

from engine.core.errors import DeviceError, ScoreError, warn_about
from engine.score.midi_song import MidiSong, read_midi_song
from engine.score.score import MAX_QUARTERS
from offline.music.piece import NOTE, Piece

__all__ = ["PEAK_DB", "piece_of_song", "read_midi", "write_midi", "write_wav"]

TICKS_PER_STEP = 120
PEAK_DB = -3.0  # of a rendered file, against full scale
SOUND_FONTS = ("/usr/share/sounds/sf2/default-GM.sf2", "/usr/share/sounds/sf2/FluidR3_GM.sf2")
PERCUSSION = 9


def write_midi(piece: Piece, path: Path, *, program: int = 0, percussion: bool = False) -> None:
    """Write a MIDI file of format 1: tempo and time signature first, then a named track a voice."""
    file = mido.MidiFile(ticks_per_beat=TICKS_PER_STEP * piece.steps_per_quarter)
    head = mido.MidiTrack()
    head.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(piece.tempo_bpm)))
    head.append(mido.MetaMessage("time_signature", numerator=piece.beats_per_bar, denominator=piece.beat_unit, time=0))
    head.append(mido.MetaMessage("end_of_track", time=piece.n_steps * TICKS_PER_STEP))
    file.tracks.append(head)
    for voice in range(piece.n_voices):
        channel = PERCUSSION if percussion else voice % 9
        name = piece.names[voice] if voice < len(piece.names) else f"Voice {voice + 1}"
        notes = piece.notes[piece.notes["voice"] == voice]
        file.tracks.append(_track(name, notes, channel, program))
    file.save(path)


def _track(name: str, notes: np.ndarray, channel: int, program: int) -> mido.MidiTrack:
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    track.append(mido.Message("program_change", channel=channel, program=program))
    events = []
    for note in notes:
        onset, end = int(note["onset"]), int(note["onset"] + note["duration"])
        events.append((onset, 1, "note_on", int(note["pitch"]), int(note["velocity"])))
        events.append((end, 0, "note_off", int(note["pitch"]), 64))
    now = 0
    for step, _, kind, pitch, velocity in sorted(events):
        wait, now = (step - now) * TICKS_PER_STEP, step
        track.append(mido.Message(kind, channel=channel, note=pitch, velocity=velocity, time=wait))
    return track


def read_midi(path: Path, *, steps_per_quarter: int = 4, percussion: bool = False) -> Piece:
    """Read a piece, a voice for each channel of each track with notes, drums left out unless `percussion`.

    Onsets and ends move to the nearest step, at least one apart. ScoreError if there are no notes; a warning says what
    is wrong with a file that can be read.
    """
    song = read_midi_song(path)
    for notice in song.notices:
        warn_about(str(path), notice)
    notes = song.notes if percussion and len(song.notes) else song.melodic(str(path))
    return piece_of_song(song, notes, str(path), steps_per_quarter)


def piece_of_song(song: MidiSong, notes: np.ndarray, where: str, steps_per_quarter: int = 4) -> Piece:
    """Return some notes of a MIDI file, at least one, on the grid; see `read_midi`."""
    step = song.ticks_per_quarter / steps_per_quarter
    if notes["end"].max() > MAX_QUARTERS * song.ticks_per_quarter:
        got = f"{notes['end'].max() / song.ticks_per_quarter:.0f}"
        raise ScoreError(where, expected=f"at most {MAX_QUARTERS:g} quarters", got=got, remedy="check the file")
    rows, names = _voices(notes, song.names)
    rows["onset"] = np.rint(notes["onset"] / step)
    rows["duration"] = np.maximum(np.rint(notes["end"] / step) - rows["onset"], 1)
    last = int((rows["onset"] + rows["duration"]).max())
    end = min(song.end / step, MAX_QUARTERS * steps_per_quarter)
    _, beats, unit = song.metres[0]
    return Piece(
        notes=np.sort(rows, order=["onset", "voice", "pitch"]),
        n_steps=max(round(end), last),
        steps_per_quarter=steps_per_quarter,
        beats_per_bar=beats,
        beat_unit=unit,
        tempo_bpm=max(song.tempi[0][1], 10.0),
        names=names,
    )


def _voices(notes: np.ndarray, track_names: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return NOTE records with voice, pitch and velocity, and the voices' names; one voice a track and channel."""
    parts, voice = np.unique(notes["track"].astype(np.int64) * 16 + notes["channel"], return_inverse=True)
    rows = np.zeros(len(notes), NOTE)
    rows["voice"], rows["pitch"], rows["velocity"] = voice, notes["pitch"], notes["velocity"]
    return rows, tuple(track_names[part // 16] or f"Voice {i + 1}" for i, part in enumerate(parts))


def write_wav(
    piece: Piece,
    path: Path,
    *,
    sound_font: Path | None = None,
    sample_rate: int = 44100,
    percussion: bool = False,
) -> None:
    """Render through FluidSynth, loudest sample at PEAK_DB; DeviceError with what to install where it is missing."""
    program = shutil.which("fluidsynth")
    fonts = [sound_font] if sound_font else [Path(name) for name in SOUND_FONTS if Path(name).exists()]
    if program is None or not fonts:
        raise DeviceError(
            "WAV",
            expected="FluidSynth and a sound font",
            got="none",
            remedy="apt install fluidsynth fluid-soundfont-gm",
        )
    with tempfile.TemporaryDirectory() as folder:
        midi = Path(folder, "piece.mid")
        write_midi(piece, midi, percussion=percussion)
        quiet = Path(folder, "quiet.wav")  # as FluidSynth leaves it: around -20 dB
        command = [
            program,
            "-ni",
            "-q",
            "-O",
            "float",
            "-F",
            str(quiet),
            "-r",
            str(sample_rate),
            str(fonts[0]),
            str(midi),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not quiet.exists():
            raise DeviceError("FluidSynth", expected=f"{path}", got=done.stderr.strip()[:120] or "nothing written")
        sound, _ = soundfile.read(quiet, dtype="float32")
    peak = float(np.abs(sound).max(initial=0.0))
    soundfile.write(path, sound * (10 ** (PEAK_DB / 20) / max(peak, 1e-9)), sample_rate, subtype="PCM_16")
