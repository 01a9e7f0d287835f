"""Takes on disk to train on: the sounds of a performance and of its score, and the times that belong together.

Each take is a file that costs about 2 CPU seconds to render; with small sounds an hour of performances takes 52 MB.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from engine.core.errors import EngineError
from offline.datasets.corpus_scores import Library
from offline.datasets.performances import TakeConfig, perform_piece
from offline.datasets.piano_recordings import PianoRecording, cut_played, played_of_midi
from offline.synthesis.fluidsynth import installed_soundfonts
from offline.synthesis.pianist import Played
from offline.synthesis.piano_sound import random_piano, render_piano

__all__ = ["StoredTake", "cut_take", "load_take", "render_take", "save_take", "shift_pitch", "stored_takes"]

Audio = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
FULL = 32767
SMALL = 0.6  # compression of Vorbis, 0 the best quality to 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredTake:
    """A performance and its score as mono sounds (sample), and their times.

    audio: the performance
    synchronous: the same keys at the same times, played plainly
    reference: the score as written
    played_s, plain_s: (onset), time of each score onset in the performance and in the reference
    keys: (note, 3), start_s, end_s and pitch of what was played, in the times of `synchronous`
    speed: seconds of `synchronous` in a second of `audio`, 1 unless the take was shifted
    """

    name: str
    audio: Audio
    synchronous: Audio
    reference: Audio
    played_s: Floats
    plain_s: Floats
    keys: Floats
    sample_rate: int
    speed: float = 1.0


def render_take(library: Library, name: str, config: TakeConfig) -> StoredTake:
    """Render a piece."""
    take = perform_piece(library, name, seed=0, config=config)
    played_s, plain_s = take.corners()
    return StoredTake(
        name=name,
        audio=take.audio,
        synchronous=take.synchronous(),
        reference=take.reference,
        played_s=played_s,
        plain_s=plain_s,
        keys=_keys(take.played),
        sample_rate=take.sample_rate,
    )


def cut_take(recording: PianoRecording, turn: int, config: TakeConfig) -> StoredTake:
    """Cut an excerpt out of a recording, another one each turn, and play its keys plainly.

    The score is not known: `reference` is the plain rendering of the keys, in time with the recording.
    """
    rng = np.random.default_rng((zlib.crc32(recording.name.encode()), turn))
    sound, rate = recording.sound(config.sample_rate), config.sample_rate
    whole = played_of_midi(recording.midi)
    last_s = min(len(sound) / rate, float(whole.audio_s[-1]))
    begin_s = float(rng.uniform(0, max(0.0, last_s - config.seconds)))
    played = cut_played(whole, begin_s, begin_s + config.seconds)
    if not len(played.pitch):
        raise EngineError(str(recording.midi), expected=f"keys from {begin_s:.0f} s on", got="none")
    piano = random_piano(rng, config.soundfonts or installed_soundfonts(), mistuned=0.0)
    plain, first = render_piano(played, piano, rate), round(begin_s * rate)
    return StoredTake(
        name=recording.name,
        audio=sound[first : first + round(config.seconds * rate)],
        synchronous=plain,
        reference=plain,
        played_s=played.audio_s,
        plain_s=played.audio_s,
        keys=_keys(played),
        sample_rate=rate,
    )


def _keys(played: Played) -> Floats:
    return np.stack([played.start_s, played.end_s, played.pitch], axis=1)


def save_take(path: Path, take: StoredTake, *, small: bool = False) -> None:
    """Write a take to a path ending in .npz; small: sounds as Ogg Vorbis, not as 16 bits."""
    sounds = {"audio": take.audio, "synchronous": take.synchronous, "reference": take.reference}
    values: dict[str, Any] = {key: _packed(sound, take.sample_rate, small) for key, sound in sounds.items()}
    times: dict[str, Any] = {"keys": take.keys, "played_s": take.played_s, "plain_s": take.plain_s}
    np.savez(path, **values, **times, sample_rate=take.sample_rate)


def _packed(sound: Audio, sample_rate: int, small: bool) -> npt.NDArray[np.generic]:
    """Pack a sound into 16 bits a sample, or into the bytes of an Ogg file."""
    if not small:
        return np.round(sound * FULL).astype(np.int16)
    with io.BytesIO() as bytes_:
        options = {"format": "OGG", "subtype": "VORBIS", "compression_level": SMALL}
        with soundfile.SoundFile(bytes_, "w", sample_rate, 1, **options) as file:
            for start in range(0, len(sound), sample_rate):  # libsndfile overflows its stack on long Vorbis writes
                file.write(sound[start : start + sample_rate])
        return np.frombuffer(bytes_.getvalue(), np.uint8)


def _unpacked(packed: npt.NDArray[np.generic]) -> Audio:
    if packed.dtype == np.int16:
        return packed.astype(np.float32) / np.float32(FULL)
    sound, _ = soundfile.read(io.BytesIO(packed.tobytes()), dtype="float32")
    return np.asarray(sound)


def stored_takes(folder: Path) -> list[Path]:
    """List the takes of a folder, by name; EngineError if there are none."""
    found = sorted(path for path in folder.glob("*.npz") if not path.name.startswith("."))
    if not found:
        remedy = "collaparte data takes renders some"
        raise EngineError(str(folder), expected="takes (*.npz)", got="none", remedy=remedy)
    return found


def load_take(path: Path) -> StoredTake:
    """Read one take."""
    with np.load(path) as file:
        return StoredTake(
            name=path.stem,
            audio=_unpacked(file["audio"]),
            synchronous=_unpacked(file["synchronous"]),
            reference=_unpacked(file["reference"]),
            played_s=file["played_s"],
            plain_s=file["plain_s"],
            keys=file["keys"],
            sample_rate=int(file["sample_rate"]),
        )


def shift_pitch(take: StoredTake, cents: float) -> StoredTake:
    """Shift the performance by `cents`, by playing it faster, a few percent at most; its times follow."""
    factor = 2.0 ** (cents / 1200)
    n = int((len(take.audio) - 1) / factor)
    audio = np.interp(np.arange(n) * factor, np.arange(len(take.audio)), take.audio).astype(np.float32)
    return replace(take, audio=audio, played_s=take.played_s / factor, speed=take.speed * factor)
