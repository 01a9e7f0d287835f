"""Read and write pieces as MIDI files, and render them as sound by FluidSynth."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import mido
import numpy as np
import soundfile

from engine.core.errors import DeviceError, ScoreError
from offline.music.piece import NOTE, Piece

__all__ = ["PEAK_DB", "read_folder", "read_midi", "write_midi", "write_wav"]

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


def read_midi(path: Path, *, steps_per_quarter: int = 4) -> Piece:
    """Read a piece, a voice for each track with notes; onsets and ends move to the nearest step, at least one apart."""
    try:
        file = mido.MidiFile(path)
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise ScoreError(str(path), expected="a MIDI file", got=str(error) or type(error).__name__) from error
    scale = steps_per_quarter / file.ticks_per_beat
    rows: list[tuple[int, int, int, int, int]] = []
    names: list[str] = []
    metre, tempo = (4, 4), 500_000
    for track in file.tracks:
        found = _read_track(track, scale, len(names))
        for message in track:
            if message.type == "time_signature":
                metre = (message.numerator, message.denominator)
            elif message.type == "set_tempo":
                tempo = message.tempo
        if found:
            rows += found
            names.append(track.name or f"Voice {len(names) + 1}")
    notes = np.sort(np.array(rows, NOTE), order=["onset", "voice", "pitch"])
    end = round(max((sum(m.time for m in track) for track in file.tracks), default=0) * scale)
    last = int((notes["onset"] + notes["duration"]).max()) if len(notes) else 0
    return Piece(
        notes=notes,
        n_steps=max(end, last),
        steps_per_quarter=steps_per_quarter,
        beats_per_bar=metre[0],
        beat_unit=metre[1],
        tempo_bpm=min(max(mido.tempo2bpm(tempo), 10), 1000),
        names=tuple(names),
    )


def _read_track(track: mido.MidiTrack, scale: float, voice: int) -> list[tuple[int, int, int, int, int]]:
    rows, now = [], 0
    sounding: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for message in track:
        now += message.time
        if message.type == "note_on" and message.velocity:
            sounding.setdefault((message.channel, message.note), []).append((now, message.velocity))
        elif message.type in ("note_on", "note_off") and sounding.get((message.channel, message.note)):
            start, velocity = sounding[message.channel, message.note].pop(0)
            onset = round(start * scale)
            rows.append((onset, max(round(now * scale) - onset, 1), message.note, voice, velocity))
    return rows


def read_folder(folder: Path, *, steps_per_quarter: int = 4) -> dict[str, Piece]:
    """Read every MIDI file in a folder, by its path in it; files that cannot be read are left out."""
    pieces = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".mid", ".midi")):
        try:
            pieces[path.relative_to(folder).as_posix()] = read_midi(path, steps_per_quarter=steps_per_quarter)
        except ScoreError:
            continue
    return pieces


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
