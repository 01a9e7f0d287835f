"""The tables of `evaluate generators`, on a small corpus."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from offline.evaluate.generators import evaluate, sample_figures
from offline.options.evaluate_music import generators


def corpus(n: int, seed: int) -> list[list[list[int]]]:
    rng = np.random.default_rng(seed)
    chords = np.array([[67, 62, 59, 55], [69, 64, 60, 57], [67, 60, 57, 50], [66, 62, 57, 43]])
    return [np.repeat(chords[rng.integers(0, 4, 40)], 4, axis=0).tolist() for _ in range(n)]


def test_the_floors_are_always_in_the_table(tmp_path: Path) -> None:
    splits = {"train": corpus(6, 0), "valid": corpus(3, 1), "test": corpus(3, 2)}
    (tmp_path / "Jsb16thSeparated.json").write_text(json.dumps(splits))
    parser = argparse.ArgumentParser()
    generators(parser)
    text = evaluate(parser.parse_args(["Markov", "--data", str(tmp_path)]))
    rows = {line[:28].strip(): line[28:].split() for line in text.splitlines()[2:4]}
    assert float(rows["Markov, 4 blended orders"][0]) < float(rows["persistence"][0])
    assert "Bach, test" in text and "copied" in text


def test_a_corpus_is_like_itself_and_copied_whole() -> None:
    pieces = [np.array(p, np.int16)[:128] for p in corpus(4, 3)]
    figures = sample_figures(pieces, pieces, pieces)
    assert figures.count_overlap > 0.99
    assert figures.gap_overlap > 0.99
    assert figures.copied == 128
