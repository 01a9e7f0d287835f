"""Takes kept on disk to train on: the sounds and the times that belong together, a file a take.

`python -m offline.training.similarity.takes FOLDER --split train --n 240` renders them, about 2 CPU seconds each; with
--small an hour of performances takes 52 MB, so that they can be carried to where a GPU is.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from tqdm import tqdm

from engine.core.errors import EngineError
from offline.datasets.corpus_scores import Library
from offline.datasets.performances import TakeConfig, perform_piece
from offline.synthesis.sound_bank import SPLITS

__all__ = ["StoredTake", "load_take", "main", "shifted", "stored", "write_set"]

Audio = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
FULL = 32767
SMALL = 0.6  # of Vorbis, 0 the best to 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredTake:
    """Mono sounds (sample): audio, the performance; synchronous: the same keys played plainly; reference: the score.

    played_s, plain_s: (onset) when each score onset comes in the performance and in the reference; keys: (note, 3)
    start_s, end_s, pitch of what was played, in the times of `synchronous`; speed: its seconds in a second of `audio`,
    1 unless the take was shifted.
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


def write_set(folder: Path, library: Library, split: str, n: int, config: TakeConfig, *, small: bool = False) -> None:
    """Render the first n takes of a split that are not there yet; small: sounds as Ogg Vorbis, not as 16 bits."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in tqdm(library.names(split, n), unit="take", mininterval=10):
        path = folder / f"{name}.npz"
        if path.exists():
            continue
        take = perform_piece(library, name, seed=0, config=config)
        sounds = {"audio": take.audio, "synchronous": take.synchronous(), "reference": take.reference}
        played_s, plain_s = take.corners()
        keys = np.stack([take.played.start_s, take.played.end_s, take.played.pitch], axis=1)
        part = path.with_suffix(".part.npz")
        packed = {key: _packed(sound, take.sample_rate, small) for key, sound in sounds.items()}
        np.savez(part, **packed, keys=keys, played_s=played_s, plain_s=plain_s, sample_rate=take.sample_rate)
        part.rename(path)


def _packed(sound: Audio, sample_rate: int, small: bool) -> npt.NDArray[np.generic]:
    """16 bits a sample, or the bytes of an Ogg file."""
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


def stored(folder: Path) -> list[Path]:
    """The takes of a folder, by name; EngineError if there are none."""
    found = sorted(path for path in folder.glob("*.npz") if not path.name.endswith(".part.npz"))
    if not found:
        remedy = "python -m offline.training.similarity.takes renders some"
        raise EngineError(str(folder), expected="takes (*.npz)", got="none", remedy=remedy)
    return found


def load_take(path: Path) -> StoredTake:
    """Read one take."""
    with np.load(path) as file:
        sounds = {key: _unpacked(file[key]) for key in ("audio", "synchronous", "reference")}
        return StoredTake(
            name=path.stem,
            **sounds,
            played_s=file["played_s"],
            plain_s=file["plain_s"],
            keys=file["keys"],
            sample_rate=int(file["sample_rate"]),
        )


def shifted(take: StoredTake, cents: float) -> StoredTake:
    """The performance so many cents higher, by playing it faster by as much, a few percent at most; truth follows."""
    factor = 2.0 ** (cents / 1200)
    n = int((len(take.audio) - 1) / factor)
    audio = np.interp(np.arange(n) * factor, np.arange(len(take.audio)), take.audio).astype(np.float32)
    return replace(take, audio=audio, played_s=take.played_s / factor, speed=take.speed * factor)


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m offline.training.similarity.takes`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--n", type=int, default=240)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--sample-rate", type=int, default=22050)
    parser.add_argument("--chorales", type=Path, help="packed by `offline.music.music21_corpus`")
    parser.add_argument("--soundfont", type=Path, action="append", default=[], help="to draw from; default all")
    parser.add_argument("--others", type=float, default=0.0, metavar="SHARE", help="played by other instruments")
    parser.add_argument("--small", action="store_true", help="sounds as Ogg Vorbis")
    args = parser.parse_args(arguments)
    config = TakeConfig(
        sample_rate=args.sample_rate,
        soundfonts=tuple(args.soundfont),
        seconds=args.seconds,
        mistuned=0.0,
        others=args.others,
    )
    write_set(args.folder, Library.open(args.chorales), args.split, args.n, config, small=args.small)


if __name__ == "__main__":
    main()
