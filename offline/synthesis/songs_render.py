"""Render synthetic multitracks to train separation on: composed here, played by FluidSynth, sung by a vocoder.

Writes FOLDER/song-SEED/{vocals,drums,bass,other}.ogg. The voices are espeak-ng's or, with `--speakers`, mostly those of
recorded speakers (`offline.datasets.debian_sounds`). The compositions and the mixing are ours, and the licences of
soundfonts and voices allow any use, so the songs may be used for anything.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import mido
import numpy as np
import soundfile

from engine.core.config import Settings, plain, ranged
from engine.core.errors import EngineError
from engine.core.whole_file import whole_folder
from offline.synthesis.channel_strip import produce
from offline.synthesis.electronic import has_samples, play_samples, play_synthesiser
from offline.synthesis.fluidsynth import installed_soundfonts, midi_of, play_midi
from offline.synthesis.singing import VOICES, Syllable, recorded_syllables, sing, syllables
from offline.synthesis.songs_compose import ComposedSong, Part, compose
from offline.synthesis.sound_bank import list_sounds

__all__ = ["SongSettings", "drawn_stems", "render_song", "speakers", "write_ogg_stems", "write_stems"]

RATE = 44100
TICKS = 480  # a quarter
DRUM_CHANNEL = 9
SMALL = 0.7  # compression of Vorbis, 0 to 1: about 90 kbit/s, small enough to move hours of songs to another machine
PEAK = 0.5  # peak of the loudest stem, of full scale: gains are drawn again when mixing
FEWEST_SYLLABLES = 8
RECORDED = 0.8  # share of songs sung by recorded speakers where there are any
LEVELS_DB = {"vocals": (-4, 4), "drums": (-5, 5), "bass": (-7, 3), "other": (-7, 3)}  # root mean square about -20


def midi_file(part: Part, tempo_bpm: float) -> mido.MidiFile:
    """Return one instrument as a MIDI file with one track."""
    channel = DRUM_CHANNEL if part.drums else 0
    events = [(0, mido.Message("program_change", program=part.program, channel=channel))]
    for note in part.notes:
        start, end = round(note.start * TICKS), round((note.start + note.length) * TICKS)
        on = mido.Message("note_on", note=note.pitch, velocity=note.velocity, channel=channel)
        events += [(start, on), (max(end, start + 1), mido.Message("note_off", note=note.pitch, channel=channel))]
    events.sort(key=lambda event: event[0])
    tempo = mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo_bpm))
    return midi_of(events, ticks_per_beat=TICKS, head=[tempo])


def play(part: Part, tempo_bpm: float, soundfont: Path) -> np.ndarray:
    """Play the part by FluidSynth: (sample, channel) float32."""
    return play_midi(midi_file(part, tempo_bpm), soundfont, RATE, options=("-q", "-g", "0.5"))


@cache
def voice(name: str) -> list[Syllable]:
    """Return the syllables of a voice, spoken once."""
    return syllables(name)


@cache
def speakers(folder: Path) -> dict[str, list[Path]]:
    """Return the recordings of each speaker in a folder of sounds who left enough of them."""
    found: dict[str, list[Path]] = {}
    for recording in list_sounds(folder):
        if recording.label == "speech":
            found.setdefault(recording.source, []).append(recording.path)
    enough = {name: paths for name, paths in found.items() if len(paths) >= FEWEST_SYLLABLES}
    if not enough:
        raise EngineError(str(folder), expected=f"speakers with {FEWEST_SYLLABLES} recordings", got="none")
    return enough


@cache
def recorded_voice(folder: Path, speaker: str) -> list[Syllable]:
    """Return the syllables of a recorded speaker, analysed once."""
    return recorded_syllables(speakers(folder)[speaker])


def drawn_voice(rng: np.random.Generator, folder: Path | None) -> list[Syllable]:
    """Draw a voice of espeak-ng or, where there is a folder, mostly a speaker of it."""
    if folder is not None and rng.random() < RECORDED:
        bank = recorded_voice(folder, str(rng.choice(sorted(speakers(folder)))))
        if len(bank) >= FEWEST_SYLLABLES:
            return bank
    return voice(str(rng.choice(VOICES)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SongSettings(Settings):
    """How songs are made."""

    seconds: float = ranged(75.0, 1, 3600, "length of a song", unit="s")
    electronic: float = ranged(0.0, 0, 1, "share of the parts played by synthesisers")
    soundfonts: tuple[Path, ...] = plain((), "soundfonts to draw from; none for all that are installed")
    singers: Path | None = plain(None, "sounds whose speech is sung with, mostly")


def sound(rng: np.random.Generator, part: Part, tempo_bpm: float, song: SongSettings) -> np.ndarray:
    """Play the part (sample, channel) by a soundfont or, with probability `electronic`, by electronic instruments."""
    fonts = song.soundfonts or installed_soundfonts()
    font = fonts[int(rng.integers(len(fonts)))]
    if song.electronic == 0 or rng.random() >= song.electronic or (part.drums and not has_samples()):
        return play(part, tempo_bpm, font)
    return (play_samples if part.drums else play_synthesiser)(rng, part, tempo_bpm)


def stems(rng: np.random.Generator, piece: ComposedSong, song: SongSettings) -> dict[str, np.ndarray]:
    """Render each stem of the piece (sample, channel), produced and levelled."""
    n = int((piece.seconds + 2) * RATE)
    out = {}
    for name, parts in piece.parts.items():
        total = np.zeros((n, 2), np.float32)
        for part in parts:
            audio = sound(rng, part, piece.tempo_bpm, song)[:n]
            audio = produce(rng, audio, RATE, wide=0.3 if name in ("drums", "bass") else 1.0)
            total[: len(audio)] += audio / max(1e-6, float(np.abs(audio).max()))
        out[name] = total
    bank = drawn_voice(rng, song.singers)
    sung = sing(rng, piece.melody, bank, tempo_bpm=piece.tempo_bpm, sample_rate=RATE)[:n]
    out["vocals"] = np.zeros((n, 2), np.float32)
    out["vocals"][: len(sung)] = produce(rng, sung, RATE, wide=0.3)
    return _levelled(rng, out)


def _levelled(rng: np.random.Generator, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    levelled = {name: audio * _gain(rng, audio, *LEVELS_DB[name]) for name, audio in given.items()}
    loudest = max(float(np.abs(audio).max()) for audio in levelled.values())
    return {name: audio * min(1.0, PEAK / loudest) for name, audio in levelled.items()}


def _gain(rng: np.random.Generator, audio: np.ndarray, low_db: float, high_db: float) -> np.float32:
    """Return the gain to a random root mean square around -20 dB of full scale, without silence."""
    loud = np.abs(audio).max(axis=1) > 0.01
    rms = float(np.sqrt(np.mean(np.square(audio[loud])))) if loud.any() else 1.0
    return np.float32(10 ** (rng.uniform(low_db, high_db) / 20) * 0.1 / max(rms, 1e-6))


def drawn_stems(seed: int, song: SongSettings) -> dict[str, np.ndarray]:
    """Return the stems (sample, channel) of song number `seed`, always the same for the same soundfonts."""
    rng = np.random.default_rng((1903, seed))
    piece = compose(rng, seconds=song.seconds)
    return stems(rng, piece, song)


def render_song(
    folder: Path, seed: int, *, seconds: float = 75.0, electronic: float = 0.0, singers: Path | None = None
) -> Path:
    """Write song number `seed`, unless it exists already."""
    target = folder / f"song-{seed:05d}"
    if not target.exists():
        song = SongSettings(seconds=seconds, electronic=electronic, singers=singers)
        write_stems(target, drawn_stems(seed, song))
    return target


def write_stems(target: Path, given: dict[str, np.ndarray]) -> None:
    """Write each stem (sample, channel) as Vorbis into the new folder `target`, which exists once all are written."""
    with whole_folder(target) as part:
        write_ogg_stems(part, given)


def write_ogg_stems(folder: Path, given: dict[str, np.ndarray]) -> None:
    """Write each stem (sample, channel) as Vorbis into a folder."""
    for name, audio in given.items():
        options = {"format": "OGG", "subtype": "VORBIS", "compression_level": SMALL}
        with soundfile.SoundFile(os.fsencode(folder / f"{name}.ogg"), "w", RATE, 2, **options) as file:
            for start in range(0, len(audio), RATE):  # libsndfile overflows its stack on long Vorbis writes
                file.write(audio[start : start + RATE])
