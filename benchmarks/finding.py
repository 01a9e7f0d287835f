"""How soon it is known which piece of a folder is played and where, and what that costs.

    python -m benchmarks.finding [--starts 60] [--each 5]

The folder has 290 scores of music21's corpus, in none of which the settings were chosen, and those of ../shared/data.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import music21

from benchmarks.quality import SHARED
from benchmarks.rows import Row
from engine.core.format import AudioFormat
from engine.stage.finding.config import FinderConfig
from engine.stage.finding.finder import PieceFinder
from engine.stage.finding.piece_index import PieceIndex
from offline.evaluation.finding import FoundRow, judge_starts, real_starts, rendered_starts, summary_of, with_recordings
from offline.following.presets import shipped_features
from offline.synthesis.fluidsynth import installed_soundfonts

CORPUS = Path(music21.__file__).parent / "corpus"
# The settings were chosen on every second chorale, beginning with the second, and on the trecento pieces.
FOLDERS = (
    *("beach", "beethoven", "haydn", "mozart", "monteverdi", "schumann_robert", "schumann_clara", "schubert", "handel"),
    *("joplin", "weber", "webern", "verdi", "corelli", "cpebach", "leadSheet", "liliuokalani", "johnson_j_r"),
)
N_CHORALES = 168
SUFFIXES = (".mxl", ".xml", ".musicxml")
STARTS, EACH, SEED = 60, 5, 11
# Recordings that played a part in choosing the settings.
CHOSEN_ON = ("asap_Bach_Prelude", "asap_Haydn", "asap_Rachmaninoff", "mec_", "real_Schumann", "vienna_Schubert", "violin_john-garner_bwv1002_mov7")  # fmt: skip  # noqa: E501


def rows(starts: int = STARTS, each: int = EACH) -> Iterator[Row]:
    """The index, then starts that are rendered and recorded, then the same with their piece left out."""
    with tempfile.TemporaryDirectory(prefix="collaparte-find-") as folder:
        index, row = _index(Path(folder))
        yield row
        for left_out in (False, True):
            for kind, judged in _judged(index, starts, each, left_out=left_out).items():
                lines = summary_of(judged)
                what = f"finding, {kind}" + (", the piece left out of the folder: none may be sure" if left_out else "")
                yield Row(what=what, ours=lines[-2], peer="", ratio="", agreement="; ".join(lines[:-2] + lines[-1:]))


def _judged(index: PieceIndex, starts: int, each: int, *, left_out: bool) -> dict[str, list[FoundRow]]:
    takes = rendered_starts(index, starts, seed=SEED, soundfonts=installed_soundfonts())
    if (SHARED / "alignment").is_dir():
        real = real_starts(index, SHARED / "alignment", each, seed=SEED)
        takes = chain(takes, (take for take in real if not take.piece.name.startswith(CHOSEN_ON)))
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
    chosen = parser.parse_args()
    for row in rows(chosen.starts, chosen.each):
        print(row.what, row.ours, row.peer, row.agreement, sep=" | ", flush=True)
