"""`collaparte evaluate listening`: write a blinded listening test, or read its answers."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import INPUT, argument, command, data_folder, option, random_seed
from cli.evaluate.generators import CHORALES_FILE, require_chorales
from cli.terminal.report import note, wrote
from engine.core.config import Settings, plain
from engine.core.errors import ConfigError

if TYPE_CHECKING:
    from offline.music.piece import Piece

__all__ = ["EvaluateListeningOptions", "evaluate_listening_command"]

EXAMPLES = """\
examples:
  collaparte evaluate listening page/ --models Frames Markov --data symbolic/
  collaparte evaluate listening page/ --models Frames DeepBach BachBot
  collaparte evaluate listening page/ --answers answers.json
"""
BACH = "Bach"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateListeningOptions(Settings):
    """Options of `collaparte evaluate listening`."""

    folder: Path = argument("FOLDER", "folder of the page and its sounds")
    models: tuple[str, ...] = option(
        plain((), "systems to compare; with --data also Markov and Bach"),
        metavar="MODEL...",
        several=True,
        group=INPUT,
    )
    data: Path | None = data_folder(f"folder with {CHORALES_FILE}")
    bars: int = option(plain(8, "length of each sound in bars"), metavar="N")
    sounds: int = option(plain(4, "sounds of each system"), metavar="N")
    pairs: int = option(plain(4, "pairs of every two systems; an even number balances the order"), metavar="N")
    tempo: float = option(plain(100.0, "quarter notes per minute"), metavar="BPM")
    seed: int = random_seed()
    sound_font: Path | None = option(plain(None, "soundfont that plays the notes"), metavar="FILE.sf2", group=INPUT)
    answers: tuple[Path, ...] = option(
        plain((), "read answers and print their evaluation"), metavar="FILE.json...", several=True, group=INPUT
    )


@command(EvaluateListeningOptions, EXAMPLES)
def evaluate_listening_command(options: EvaluateListeningOptions) -> int:
    """Write the page, or print the analysis of answers."""
    if options.data is not None:
        require_chorales(options.data)
    from offline.evaluation.listening_test import analyse_answers, report_answers, write_test

    if options.answers:
        print(report_answers(analyse_answers(options.folder, list(options.answers))))
        return 0
    systems = _systems(options)
    note(f"writing {options.sounds} sounds of each of {', '.join(systems)}")
    with tempfile.TemporaryDirectory() as folder:
        sounds = {name: _render(options, name, Path(folder)) for name in systems}
        trials = write_test(sounds, options.folder, n_pairs=options.pairs, seed=options.seed)
    print(f"{len(trials)} pairs: open {options.folder / 'index.html'} in a browser; key.json tells whose is whose")
    wrote([options.folder], then=f"collaparte evaluate listening {options.folder} --answers answers.json")
    return 0


def _systems(options: EvaluateListeningOptions) -> list[str]:
    systems = list(dict.fromkeys([BACH, *options.models] if options.data else options.models))
    if len(systems) < 2:
        raise ConfigError("--models", expected="two systems or more (with --data, Bach is one)", got=f"{len(systems)}")
    return systems


def _render(options: EvaluateListeningOptions, name: str, folder: Path) -> list[Path]:
    """WAV files of a system's pieces."""
    from offline.music.midi_file import write_wav

    paths = []
    for i in range(options.sounds):
        paths.append(folder / f"{name}-{i}.wav".replace("/", "_"))
        write_wav(_piece(options, name, options.seed + i), paths[-1], sound_font=options.sound_font)
    return paths


def _piece(options: EvaluateListeningOptions, name: str, seed: int) -> Piece:
    from offline.generation.config import GeneratorConfig
    from offline.generation.open_system import open_generator
    from offline.generation.stream import collect

    if name == BACH:
        return _chorale(options, seed)
    source = open_generator(name, GeneratorConfig(seed=seed), options.data)
    return collect(source, options.bars * 4 * source.steps_per_quarter, tempo_bpm=options.tempo)


def _chorale(options: EvaluateListeningOptions, seed: int) -> Piece:
    """The beginning of a chorale by Bach."""
    import numpy as np

    from offline.music.piece import from_grid
    from offline.music.roll_sets import load_chorales

    assert options.data is not None
    pieces = load_chorales(options.data / CHORALES_FILE)["test"]
    long = [piece for piece in pieces if len(piece) >= options.bars * 16]
    chosen = long[int(np.random.default_rng(seed).integers(len(long)))]
    return from_grid(chosen[: options.bars * 16], tempo_bpm=options.tempo)
