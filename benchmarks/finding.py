"""How soon it is known which piece of a folder is played and where, and what that costs.

    python -m benchmarks.finding [--starts 60] [--each 5] [--cost]

The folder has 290 scores of music21's corpus and those of ../shared/data. Only starts in one half of the pieces are
judged: the settings were chosen on starts in the other half, in scores that are not in the folder, and in recordings
that are named below, all played by other soundfonts. Judging prints nothing but its result, and is run when all is
chosen. Figures of the recordings that judge were seen when an earlier search was chosen; other ones there are not.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import music21
import numpy as np

from benchmarks.quality import SHARED
from benchmarks.rows import Row
from engine.audio.files import AudioReader
from engine.core.errors import AudioFileError
from engine.core.format import AudioFormat
from engine.dsp.stft import Stft
from engine.following.config import FollowConfig, follow_frames
from engine.following.follower import Follower
from engine.score.readers import read_score
from engine.stage.finding.config import FinderConfig
from engine.stage.finding.finder import PieceFinder
from engine.stage.finding.piece_follower import PieceFollowerConfig
from engine.stage.finding.piece_index import IndexedPiece, PieceIndex
from offline.batch.piece_folders import find_pieces
from offline.evaluation.finding import (
    FindTake,
    FoundRow,
    judge_starts,
    real_starts,
    rendered_starts,
    summary_of,
    with_recordings,
)
from offline.following.presets import shipped_features
from offline.synthesis.fluidsynth import installed_soundfonts

CORPUS = Path(music21.__file__).parent / "corpus"
# The settings were chosen on every second chorale, beginning with the second, and on the trecento pieces: none is here.
FOLDERS = (
    *("beach", "beethoven", "haydn", "mozart", "monteverdi", "schumann_robert", "schumann_clara", "schubert", "handel"),
    *("joplin", "weber", "webern", "verdi", "corelli", "cpebach", "leadSheet", "liliuokalani", "johnson_j_r"),
)
N_CHORALES = 168
SUFFIXES = (".mxl", ".xml", ".musicxml")
STARTS, EACH, SEED = 60, 5, 29
COSTS_OVER, COST_S, BLOCK, WARM_BLOCKS = "asap_Haydn", 40.0, 1024, 300
JUDGED_BY = "TimGM6mb"  # the soundfont that plays what is judged, and nothing else
HALVES = ("choosing", "judging")
# Recordings that played a part in choosing the settings.
CHOSEN_ON = ("asap_Bach_Prelude", "asap_Haydn", "asap_Rachmaninoff", "mec_", "real_Schumann", "vienna_Schubert", "violin_john-garner_bwv1002_mov7")  # fmt: skip  # noqa: E501


def rows(starts: int = STARTS, each: int = EACH) -> Iterator[Row]:
    """The index, then starts that are rendered and recorded, then the same with their piece left out."""
    with tempfile.TemporaryDirectory(prefix="collaparte-find-") as folder:
        index, row = _index(Path(folder))
        yield row
        takes = list(judging_starts(index, starts, each))
        for left_out in (False, True):
            for kind, judged in _judged(index, takes, left_out=left_out).items():
                lines = summary_of(judged)
                what = f"finding, {kind}" + (", the piece left out of the folder: none may be sure" if left_out else "")
                yield Row(what=what, ours=lines[-2], peer="", ratio="", agreement="; ".join(lines[:-2] + lines[-1:]))
        if (SHARED / "alignment").is_dir():
            yield cost_row(index)


def cost_alone() -> Iterator[Row]:
    """Only the cost."""
    with tempfile.TemporaryDirectory(prefix="collaparte-find-") as folder:
        index, row = _index(Path(folder))
        yield row
        yield cost_row(index)


def cost_row(index: PieceIndex) -> Row:
    """Processor time while it looks for a recorded piece, and while it follows what it has found."""
    piece = next(each for each in find_pieces(SHARED / "alignment").pieces if each.name.startswith(COSTS_OVER))
    with AudioReader(piece.performance) as reader:
        audio = reader.format
        blocks = [block.copy() for block in islice(reader.blocks(BLOCK), int(COST_S * audio.sample_rate / BLOCK))]
    node = PieceFollowerConfig(index=index, salience=shipped_features("salience")).build(audio)
    frames = follow_frames(audio)
    plain, stft = Follower(frames, read_score(piece.score), FollowConfig()), Stft(frames)
    spent, rests = np.zeros((2, len(blocks))), np.zeros(len(blocks), bool)
    for warm in (True, False):  # the first time kernels are compiled
        for i, block in enumerate(blocks[: WARM_BLOCKS if warm else None]):
            begun_s = time.process_time()
            node.process(block)
            found_s = time.process_time()
            plain.process(stft.process(block))
            spent[:, i] = found_s - begun_s, time.process_time() - found_s
            rests[i] = node.resting
        if warm:
            node.reset()
            plain.reset()
            stft.reset()
    share = 100 * spent * audio.sample_rate / BLOCK
    looking, following = share[0, ~rests].mean(), share[0, rests].mean()
    return Row(
        what=f"{COST_S:g} s of {piece.name}, found and followed: processor time while it looks, while it rests",
        ours=f"{looking:.1f} / {following:.1f} % of a core",
        peer=f"{share[1, rests].mean():.1f} %",
        ratio="",
        agreement=f"peer: a follower of it alone in the same seconds; rests {100 * rests.mean():.0f} % of them",
    )


def judging_starts(index: PieceIndex, starts: int, each: int) -> Iterator[FindTake]:
    """Play random starts in the half that judges, and cut some out of the recordings that judge."""
    fonts = [font for font in installed_soundfonts() if font.stem == JUDGED_BY]
    if not fonts:
        remedy = "apt-get install timgm6mb-soundfont"
        raise AudioFileError(JUDGED_BY, expected="an installed soundfont", got="none of that name", remedy=remedy)
    yield from rendered_starts(_pieces(index, "judging"), starts, seed=SEED, soundfonts=fonts)
    if (SHARED / "alignment").is_dir():
        for take in real_starts(index, SHARED / "alignment", each, seed=SEED):
            if not take.piece.name.startswith(CHOSEN_ON):
                yield take


def choosing_starts(index: PieceIndex, starts: int, each: int, seed: int) -> Iterator[FindTake]:
    """Play random starts in the half on which settings may be chosen, and cut some out of recordings for that."""
    fonts = [font for font in installed_soundfonts() if font.stem != JUDGED_BY]
    yield from rendered_starts(_pieces(index, "choosing"), starts, seed=seed, soundfonts=fonts)
    if (SHARED / "alignment").is_dir():
        for take in real_starts(index, SHARED / "alignment", each, seed=seed):
            if take.piece.name.startswith(CHOSEN_ON):
                yield take


def _pieces(index: PieceIndex, half: str) -> list[IndexedPiece]:
    return [each for each in index.pieces if half_of(index, each) == half and not each.id.startswith("recorded")]


def _judged(index: PieceIndex, takes: Iterable[FindTake], *, left_out: bool) -> dict[str, list[FoundRow]]:
    found: dict[str, list[FoundRow]] = {}
    for row in judge_starts(index, takes, shipped_features("salience"), left_out=left_out):
        found.setdefault(row.take.kind, []).append(row)
    return found


def _index(folder: Path) -> tuple[PieceIndex, Row]:
    """Read the scores for the first time, and say what that took."""
    scores = folder / "scores"
    scores.mkdir()
    for path in corpus_scores():
        shutil.copy(path, scores / "_".join(path.relative_to(CORPUS).parts))
    begun_s = time.process_time()
    index = PieceIndex.build(scores, folder / "cache")
    read_s = time.process_time() - begun_s
    if (SHARED / "alignment").is_dir():
        index = with_recordings(index, SHARED / "alignment")
    begun_s = time.process_time()
    finder = PieceFinder(
        AudioFormat(sample_rate=44100, n_channels=1), index, shipped_features("salience"), FinderConfig()
    )
    built_s = time.process_time() - begun_s
    n_onsets = sum(len(piece.score.onset_quarter) for piece in index.pieces)
    what = f"finding: {len(index.pieces)} scores, {n_onsets} onsets: read for the first time, CPU / made ready, memory"
    size = f"{finder.n_bytes / 1e6:.0f} MB"
    return index, Row(what=what, ours=f"{read_s:.0f} s / {built_s:.1f} s, {size}", peer="", ratio="", agreement="")


def half_of(index: PieceIndex, piece: IndexedPiece) -> str:
    """Return in which half of the pieces one is, "choosing" or "judging": all editions of a piece are in the same."""
    first = next(each.name for each in index.pieces if each.edition == piece.edition)
    return HALVES[hashlib.blake2b(first.encode(), digest_size=1).digest()[0] % len(HALVES)]


def corpus_scores() -> list[Path]:
    """Return the scores of music21's corpus that the settings were not chosen on."""
    chorales = _files("bach")[::2][:N_CHORALES]
    return chorales + [path for name in FOLDERS for path in _files(name)]


def _files(name: str) -> list[Path]:
    return sorted(path for path in (CORPUS / name).rglob("*") if path.suffix in SUFFIXES)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=STARTS)
    parser.add_argument("--each", type=int, default=EACH)
    parser.add_argument("--cost", action="store_true", help="only what it costs before and after a piece is found")
    chosen = parser.parse_args()
    for row in cost_alone() if chosen.cost else rows(chosen.starts, chosen.each):
        print(row.what, row.ours, row.peer, row.agreement, sep=" | ", flush=True)
