"""Table II of Agrawal & Dixon (2020) on any folder of pieces: how well each frame similarity aligns.

The score is synthesised, and each method of `paper_methods` aligns the recording with it. The published figures, of the
Mazurkas, stand below each row that the paper has.
"""

from __future__ import annotations

import csv as csv_files
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from engine.audio.files import AudioReader
from engine.core.whole_file import whole_text
from engine.score.readers import read_score
from offline.batch.piece_folders import EvaluationPiece, find_pieces
from offline.evaluation.onsets import THRESHOLDS_MS, Accuracy, PositionTrack, evaluate_track, mean_accuracy, read_truth
from offline.resample import resample
from offline.synthesis.fluidsynth import installed_soundfonts
from offline.synthesis.pianist import exact
from offline.synthesis.piano_sound import Piano, render_piano
from offline.training.common.loop import pick_device
from offline.training.similarity.config import SimilarityTable
from offline.training.similarity.paper_methods import (
    NEAR_OTHERS,
    OTHER_TEMPI,
    RATE,
    SimilarityMethod,
    similarity_methods,
)

__all__ = ["PUBLISHED_ALIGNMENT", "measure_piece_similarity", "published_alignment", "similarity_table"]

Row = tuple[str, bool]  # name, and whether the matrix is binary
Rows = Mapping[Row, Accuracy]
Results = Mapping[str, Mapping[Row, Mapping[str, Accuracy]]]  # by piece, row and protocol

LEAD_S = 0.5  # of silence before the synthesised score
BINARY, DISTANCE = "binary", "distance"
MEAN = "mean"  # in the place of a piece's name
PUBLISHED_ALIGNMENT: Mapping[Row, tuple[float, float, float, float]] = {
    ("MATCH", False): (64.8, 72.1, 77.6, 83.7),
    ("DTW chroma", False): (62.9, 70.5, 76.3, 82.4),
    ("MLP semigram", True): (63.8, 69.5, 77.2, 83.4),
    ("SCNN stft", True): (65.6, 71.9, 78.1, 84.8),
    ("SCNN stft", False): (67.2, 73.4, 78.7, 85.6),
    ("SCNN cqt", True): (66.4, 73.1, 78.7, 85.3),
    ("SCNN cqt", False): (68.1, 74.8, 80.1, 86.7),
    ("SCNN chroma", True): (67.1, 74.6, 79.2, 86.1),
    ("SCNN chroma", False): (69.4, 75.1, 80.7, 87.2),
    ("SCNN salience", True): (68.2, 75.3, 81.4, 87.8),
    ("SCNN salience", False): (70.3, 76.7, 82.1, 88.4),
    ("SCNN cqt + DA", True): (67.9, 74.4, 80.8, 86.7),
    ("SCNN cqt + DA", False): (69.6, 75.4, 81.6, 87.9),
    ("SCNN salience + DA", True): (69.4, 76.4, 81.2, 87.5),
    ("SCNN salience + DA", False): (71.7, 78.2, 83.3, 90.1),
}
BEYOND = (OTHER_TEMPI, NEAR_OTHERS)  # who learned from what the paper did not stands beside its figures all the same


def measure_piece_similarity(
    piece: EvaluationPiece, rows: Sequence[SimilarityMethod], soundfont: Path
) -> dict[Row, dict[str, Accuracy]]:
    """Measure the accuracy of each method by each protocol on one piece."""
    score = read_score(piece.score)
    reference = render_piano(exact(score, start_s=LEAD_S), Piano(soundfont=soundfont), RATE)
    with AudioReader(piece.performance) as reader:
        sound = resample(reader.read(), reader.format.sample_rate, RATE).mean(axis=1)
    found: dict[Row, dict[str, Accuracy]] = {}
    for row in rows:
        ours, theirs, path = row.align(reference, sound)
        at_s, there_s = theirs.seconds(path[:, 1]), ours.seconds(path[:, 0])
        quarter = score.quarter(there_s - LEAD_S)
        found[row.name, row.binary] = evaluate_track(PositionTrack(at_s, np.asarray(quarter)), *read_truth(piece.truth))
    return found


def similarity_table(config: SimilarityTable) -> str:
    """Align every piece by every method; return a table for each protocol; write them, and draw them, if asked for."""
    rows = similarity_methods(config.networks, config.live, device=pick_device(config.device))
    pieces, soundfont = find_pieces(config.folder).pieces, config.soundfont or installed_soundfonts()[0]
    results = {
        piece.name: measure_piece_similarity(piece, rows, soundfont)
        for piece in tqdm(pieces, unit="piece", leave=False)
    }
    tables = _means(results)
    if config.csv is not None:
        _write(config.csv, config.folder, results, tables)
    if config.plot is not None:
        _draw(config.plot, tables)
    lines = [f"{len(pieces)} pieces of {config.folder}, score by {soundfont.stem}; published: of the Mazurkas"]
    for protocol, found in tables.items():
        lines.append(f"\n{protocol}: percent of score onsets within a number of ms, mean over pieces")
        lines += ["  ".join(cells) for cells in _text(found)]
    return "\n".join(lines)


def _means(results: Results) -> dict[str, dict[Row, Accuracy]]:
    first = next(iter(results.values()))
    return {
        protocol: {row: mean_accuracy([found[row][protocol] for found in results.values()]) for row in first}
        for protocol in next(iter(first.values()))
    }


def _text(found: Rows) -> list[list[str]]:
    """Return rows of text as in table II: the model, then binary and distance matrix at each threshold, - for none."""
    names = list(dict.fromkeys(name for name, _ in found))
    width = max(len(name) for name in (*names, "  published"))
    head = [f"{f'<{ms} ms':>7}" for ms in THRESHOLDS_MS]
    rows = [["Model".ljust(width), f"{BINARY}:", *head, f"{DISTANCE}:", *head]]
    for name in names:
        ours = [result.within if (result := found.get((name, binary))) else None for binary in (True, False)]
        rows.append(_line(name.ljust(width), ours))
        published = [published_alignment((name, binary)) for binary in (True, False)]
        if any(published):
            rows.append(_line("  published".ljust(width), published))
    return rows


def published_alignment(row: Row) -> tuple[float, float, float, float] | None:
    """Return the figures of the row of the paper that this one is, or goes beyond by what it learned from alone."""
    name, binary = row
    for word in BEYOND:
        name = name.replace(f" + {word}", "")
    return PUBLISHED_ALIGNMENT.get((name, binary))


def _line(name: str, sides: Sequence[Sequence[float] | None]) -> list[str]:
    cells = [[f"{x:7.1f}" for x in side] if side else [f"{'-':>7}"] * len(THRESHOLDS_MS) for side in sides]
    return [name, " " * (len(BINARY) + 1), *cells[0], " " * (len(DISTANCE) + 1), *cells[1]]


def _write(path: Path, folder: Path, results: Results, tables: Mapping[str, Rows]) -> None:
    with whole_text(path) as file:
        writer = csv_files.writer(file)
        writer.writerow(("data", "piece", "protocol", "model", "matrix", *(f"{ms} ms" for ms in THRESHOLDS_MS)))
        for piece, protocol, row, within in _figures(results, tables):
            matrix = BINARY if row[1] else DISTANCE
            writer.writerow((folder.resolve().name, piece, protocol, row[0], matrix, *(f"{x:.1f}" for x in within)))


def _figures(results: Results, tables: Mapping[str, Rows]) -> Iterator[tuple[str, str, Row, Sequence[float]]]:
    """Every figure with its piece, protocol and row: the means, what was published of the Mazurkas, each piece."""
    for protocol, found in tables.items():
        for row, result in found.items():
            yield MEAN, protocol, row, result.within
    for row, within in PUBLISHED_ALIGNMENT.items():
        yield "published", "nearest frame", row, within
    for piece, rows in results.items():
        for row, protocols in rows.items():
            for protocol, result in protocols.items():
                yield piece, protocol, row, result.within


def _draw(path: Path, tables: Mapping[str, Rows]) -> None:
    """Draw the share of onsets over the threshold, a panel for each protocol; what was published, dashed."""
    figure = Figure(figsize=(6 * len(tables), 5), layout="constrained")
    for axis, (protocol, found) in zip(figure.subplots(1, len(tables), squeeze=False)[0], tables.items(), strict=True):
        for row, result in found.items():
            label = f"{row[0]}, {BINARY if row[1] else DISTANCE}"
            (line,) = axis.plot(THRESHOLDS_MS, result.within, "o:" if row[1] else "o-", markersize=3, label=label)
            if (published := published_alignment(row)) is not None:
                axis.plot(THRESHOLDS_MS, published, "--", color=line.get_color(), alpha=0.4)
        axis.set(title=protocol, xlabel="ms", ylabel="percent of score onsets", xscale="log", xticks=THRESHOLDS_MS)
        axis.set_xticklabels([str(ms) for ms in THRESHOLDS_MS])
        axis.grid(alpha=0.3)
    axis.legend(fontsize=6, title="dashed: published, of the Mazurkas", title_fontsize=6)
    figure.savefig(path, dpi=120)
