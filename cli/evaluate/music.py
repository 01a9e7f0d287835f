"""`collaparte evaluate music`: musical floors, what systems write beside what they learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import INPUT, argument, command, data_folder, option, random_seed
from cli.terminal.report import note, wrote
from engine.core.config import Settings, plain, ranged

__all__ = ["EvaluateMusicOptions", "evaluate_music_command"]

EXAMPLES = """\
examples:
  collaparte evaluate music                                          what ships, beside what its corpora measured
  collaparte evaluate music Frames VRASH run/BachBot.onnx --csv floors.csv
  collaparte evaluate music run/VRASH.onnx --data mine/corpus.npz    your own music
  collaparte evaluate music --data symbolic/ --write                 onto the cards, for `generate --list`
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateMusicOptions(Settings):
    """Options of `collaparte evaluate music`."""

    models: tuple[str, ...] = argument("[MODEL...]", "systems, or files NAME.onnx (default all that ship)", ())
    data: Path | None = data_folder("folder of symbolic corpora, or corpus.npz (default what theirs measured)")
    bars: int = option(ranged(16, 1, 1000, "length of each piece, in bars of four quarters"), metavar="N")
    seeds: int = option(ranged(8, 2, 1000, "pieces of each system"), metavar="N")
    seed: int = random_seed(0, "the first seed")
    temperature: float = option(plain(0.7, "temperature of the choice of pitch"), metavar="X")
    csv: Path | None = option(plain(None, "write the table"), metavar="FILE.csv")
    write: bool = option(plain(False, "write the floors onto the cards of the weights that ship"), group=INPUT)


@command(EvaluateMusicOptions, EXAMPLES)
def evaluate_music_command(options: EvaluateMusicOptions) -> int:
    """Print the overlap of every measure, with what the corpus' own validation half reaches."""
    from engine.core.errors import ConfigError
    from offline.evaluation.music.floors import (
        floors_table,
        measure_system,
        rate_of,
        references,
        shipped_reference,
        write_csv,
        write_floors,
    )
    from offline.generation.cards import find_weights
    from offline.generation.config import GeneratorConfig
    from offline.generation.open_system import system_of
    from offline.generation.systems import SYSTEMS
    from offline.music.corpora import Corpora

    if options.write and (options.data is None or (options.bars, options.seeds) != (16, 8)):
        raise ConfigError("--write", expected="--data FOLDER, 16 bars and 8 seeds", got="others")
    models = options.models or tuple(s.name for s in SYSTEMS.values() if find_weights(s.weights))
    corpora = None if options.data is None else Corpora(options.data)
    config, rows, rates = GeneratorConfig(temperature=options.temperature), [], []
    seeds = range(options.seed, options.seed + options.seeds)
    for model in models:
        system = system_of(model)
        note(f"{system.name}: {options.seeds} pieces")
        rates.append(rate_of(model) if system.sound else 0)
        if corpora is None:
            reference = shipped_reference(system, rates[-1])
        else:
            reference = references(corpora, system, bars=options.bars, rate=rates[-1])
        rows.append(measure_system(model, reference, seeds, bars=options.bars, config=config))
    print(floors_table(rows))
    if options.write:
        write_floors(rows, rates)
    if options.csv is not None:
        write_csv(options.csv, rows)
        wrote([options.csv], then="")
    return 0
