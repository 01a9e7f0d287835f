"""`collaparte evaluate listening`: write a blinded listening test, or read its answers."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from engine.core.errors import ConfigError
from offline.evaluation.listening_test import analyse_answers, report_answers, write_test
from offline.generation.config import GeneratorConfig
from offline.generation.open_system import open_generator
from offline.generation.stream import collect
from offline.music.midi_file import write_wav
from offline.music.piece import Piece, from_grid
from offline.music.roll_sets import load_chorales

__all__ = ["command"]

BACH = "Bach"


def command(args: argparse.Namespace) -> int:
    """Print where the page is, or the analysis."""
    if args.answers:
        print(report_answers(analyse_answers(args.folder, args.answers)))
        return 0
    systems = [BACH, *args.models] if args.data else list(args.models)
    if len(set(systems)) < 2:
        raise ConfigError("--models", expected="two systems or more (with --data, Bach is one)", got=f"{len(systems)}")
    with tempfile.TemporaryDirectory() as folder:
        sounds = {name: _render(args, name, Path(folder)) for name in dict.fromkeys(systems)}
        trials = write_test(sounds, args.folder, n_pairs=args.pairs, seed=args.seed)
    print(f"{len(trials)} pairs: open {args.folder / 'index.html'} in a browser; key.json tells whose is whose")
    return 0


def _render(args: argparse.Namespace, name: str, folder: Path) -> list[Path]:
    """WAV files of a system's pieces."""
    paths = []
    for i in range(args.sounds):
        paths.append(folder / f"{name}-{i}.wav".replace("/", "_"))
        write_wav(_piece(args, name, args.seed + i), paths[-1], sound_font=args.sound_font)
    return paths


def _piece(args: argparse.Namespace, name: str, seed: int) -> Piece:
    if name != BACH:
        generator = open_generator(name, GeneratorConfig(seed=seed), args.data)
        return collect(generator, args.bars * 4 * generator.steps_per_quarter, tempo_bpm=args.tempo)
    pieces = load_chorales(args.data / "Jsb16thSeparated.json")["test"]
    long = [piece for piece in pieces if len(piece) >= args.bars * 16]
    chosen = long[int(np.random.default_rng(seed).integers(len(long)))]
    return from_grid(chosen[: args.bars * 16], tempo_bpm=args.tempo)
