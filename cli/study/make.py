"""`collaparte study make`: pieces of systems and of people, rendered, blinded, on one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import INPUT, argument, command, data_folder, option, random_seed
from cli.terminal.report import note, wrote
from engine.core.config import Settings, choice, plain, ranged

__all__ = ["StudyMakeOptions", "study_make_command"]

EXAMPLES = """\
examples:
  collaparte study make study/ --human symbolic/                              Markov, RNN-RBM, BachBot and Bach
  collaparte study make study/ --models Frames DeepBach --human midis/ --pieces 6
  collaparte study make study/ --models run/Markov.npz run/RNN-RBM.onnx run/BachBot.onnx --human mine/corpus.npz
  collaparte study make study/ --human symbolic/ --panel questions.toml       questions of your own for composers
"""
THESIS = ("Markov", "RNN-RBM", "BachBot")  # counts, a Boltzmann machine, and an LSTM
SIXTEENTH, QUARTER = "sixteenth", "quarter"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyMakeOptions(Settings):
    """Options of `collaparte study make`."""

    folder: Path = argument("FOLDER", "folder to write the study into")
    models: tuple[str, ...] = option(
        plain(THESIS, "systems, or files that `train generation` wrote"), metavar="MODEL...", several=True, group=INPUT
    )
    human: Path | None = option(
        plain(None, "pieces by people: a folder of MIDI files, or a corpus, of which the test split is heard"),
        metavar="DIR|FILE.npz",
        group=INPUT,
    )
    data: Path | None = data_folder("count this corpus instead of playing what ships, for Markov")
    panel: Path | None = option(
        plain(None, "questions for composers instead of ours"), metavar="FILE.toml", group=INPUT
    )
    pieces: int = option(ranged(4, 1, 1000, "pieces of each system"), metavar="N")
    bars: int = option(ranged(8, 1, 1000, "length of each piece, in bars of four quarters"), metavar="N")
    tempo: float = option(ranged(90.0, 10, 1000, "quarter notes per minute, of all"), metavar="BPM")
    grid: str = choice(SIXTEENTH, (SIXTEENTH, QUARTER), "quarter: what sounds at each quarter, as RNN-RBM writes")
    seed: int = random_seed()
    sound_font: Path | None = option(plain(None, "soundfont that plays the notes"), metavar="FILE.sf2", group=INPUT)


@command(StudyMakeOptions, EXAMPLES)
def study_make_command(options: StudyMakeOptions) -> int:
    """Write the study."""
    import numpy as np

    from offline.evaluation.study.make import ANSWERS, PAGE_FOLDER, write_study
    from offline.evaluation.study.pieces import at_quarters, human_pieces, pieces_of
    from offline.evaluation.study.scales import SCALES, read_panel

    scales = SCALES if options.panel is None else read_panel(options.panel)
    seeds, bars, tempo = range(options.seed, options.seed + options.pieces), options.bars, options.tempo
    rng = np.random.default_rng(options.seed)
    pieces = []
    if options.human is not None:
        pieces += human_pieces(options.human, options.pieces, rng, bars=bars, tempo_bpm=tempo)
    for model in options.models:
        note(f"{model}: {options.pieces} pieces of {options.bars} bars")
        pieces += pieces_of(model, seeds, bars=bars, tempo_bpm=tempo, data=options.data)
    if options.grid == QUARTER:
        pieces = [at_quarters(piece) for piece in pieces]
    rows = write_study(pieces, scales, options.folder, seed=options.seed, sound_font=options.sound_font)
    print(f"{len(rows)} pieces: hand out {options.folder / PAGE_FOLDER} whole; it opens in any browser, without a host")
    print(f"put what listeners send back into {options.folder / ANSWERS}")
    wrote([options.folder], then=f"collaparte study analyse {options.folder}")
    return 0
