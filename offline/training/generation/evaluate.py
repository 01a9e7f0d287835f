"""The evaluation of generators: likelihood beside baselines, and samples beside the corpus they should resemble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from models.generation.rolls import RnnRbm
from offline.evaluation.musical import (
    copy_check,
    crossing_rate,
    hold_rate,
    note_counts,
    onset_gaps,
    out_of_range_rate,
    overlap,
    parallel_rate,
    scale_consistency,
)
from offline.generation.cards import card_of, find_weights
from offline.generation.config import GeneratorConfig
from offline.generation.key_normalisation import KEY_NATS, normalise_key
from offline.generation.open_system import open_generator
from offline.generation.players.frames import FramesPlayer
from offline.generation.players.markov import Markov, MarkovPlayer, fit_chorales
from offline.generation.players.tokens import BachBotPlayer
from offline.generation.stream import Generator, collect
from offline.generation.systems import SYSTEMS, names_where
from offline.music.catalogue import CORPORA, ROLL_SETS
from offline.music.codecs import VoiceGrid
from offline.music.piece import from_grid, to_grid
from offline.music.roll_sets import Split, load_chorales, load_rolls
from offline.music.sampling import softmax
from offline.training.generation.config import GeneratorEvaluation
from offline.training.generation.likelihood import (
    ExportedRnnRbm,
    NoteFigures,
    markov_nll,
    note_figures,
    persistence_nll,
    rnn_rbm_nll,
    roll_baselines,
    shipped_rnn_rbm,
    trained_rnn_rbm,
)

__all__ = ["SampleFigures", "evaluate_generators", "frames_nll", "sample_figures", "step_table"]

N_SAMPLES, N_FRAMES = 24, 128  # samples of eight bars
SEED, N_VOICES = 1000, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFigures:
    """Measures of samples, or of excerpts of a corpus; overlaps are with the corpus.

    copied: longest run of frames that is in the training split too, over all samples, see `copy_check`
    """

    notes: float
    hold: float
    parallels: float
    out_of_range: float
    crossings: float
    scale: float
    count_overlap: float
    count_divergence: float
    gap_overlap: float
    copied: int


def frames_nll(player: FramesPlayer, pieces: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the nats (frame, voice) of chorales under a frame network, run step by step as in live use."""
    return [_piece_nll(player, piece) for piece in pieces]


def _piece_nll(player: FramesPlayer, piece: np.ndarray) -> np.ndarray:
    player.reset()
    tokens = player.codec.tokens(normalise_key(piece) if player.home else piece)
    out = np.zeros(piece.shape)
    for t, frame in enumerate(tokens):
        logits = player.head.run({**player.ask(), "chosen": frame.reshape(1, 1, -1)})["logits"]
        out[t] = [-np.log(softmax(row)[token]) for row, token in zip(logits, frame, strict=True)]
        player.accept(frame)
    out[0] += KEY_NATS / piece.shape[1] if player.home else 0
    return out


def excerpts(pieces: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the first eight bars of every piece that has them."""
    return [piece[:N_FRAMES] for piece in pieces if len(piece) >= N_FRAMES]


def samples_of(opened: Callable[[int], Generator]) -> list[np.ndarray]:
    """Write samples of eight bars (frame, 4), each from its own seed."""
    return [to_grid(collect(opened(seed), N_FRAMES), N_VOICES)[0] for seed in range(SEED, SEED + N_SAMPLES)]


def sample_figures(samples: list[np.ndarray], corpus: list[np.ndarray], train: list[np.ndarray]) -> SampleFigures:
    """Compare samples with a corpus of excerpts of equal length; copies are searched in `train`."""
    counts = overlap(_counts(samples), _counts(corpus))
    gaps = overlap(_gaps(samples), _gaps(corpus))
    mean: Callable[[Callable[[np.ndarray], float]], float] = lambda f: float(np.mean([f(s) for s in samples]))  # noqa: E731
    return SampleFigures(
        notes=float(_counts(samples).mean()),
        hold=mean(hold_rate),
        parallels=mean(parallel_rate),
        out_of_range=mean(out_of_range_rate),
        crossings=mean(crossing_rate),
        scale=mean(scale_consistency),
        count_overlap=counts.area,
        count_divergence=counts.divergence,
        gap_overlap=gaps.area,
        copied=max(copy_check(sample, train)[0] for sample in samples),
    )


def _counts(pieces: list[np.ndarray]) -> np.ndarray:
    return np.array([note_counts(piece, N_FRAMES)[0] for piece in pieces], float)


def _gaps(pieces: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([onset_gaps(piece) for piece in pieces]).astype(float)


def evaluate_generators(config: GeneratorEvaluation) -> str:
    """Return the tables of `collaparte evaluate generators`."""
    chorales, codec = load_chorales(config.data / CORPORA["chorales"].file), VoiceGrid()
    markov = fit_chorales(chorales["train"], codec)
    models = config.models or names_where(lambda s: s.chorale and find_weights(s.weights) is not None)
    nll = _nll(chorales, markov, models, config.split)
    likelihood = {name: note_figures(chorales[config.split], nats) for name, nats in nll.items()}
    corpus = excerpts(chorales[config.split])
    rows = {f"Bach, {config.split}": sample_figures(corpus, corpus, chorales["train"])}
    rows["Bach, valid"] = sample_figures(excerpts(chorales["valid"]), corpus, chorales["train"])
    for name, opened in _openers(config, models, markov).items():
        rows[name] = sample_figures(samples_of(opened), corpus, chorales["train"])
    steps = step_table(config.data, config.split, config.runs)
    return "\n\n".join([likelihood_table(likelihood, config.split), sample_table(rows), steps, shipped_table()])


def _openers(
    config: GeneratorEvaluation, models: Sequence[str], markov: Markov
) -> dict[str, Callable[[int], Generator]]:
    """Return for each name what opens a generator with a seed; Markov is always there."""

    def settings(seed: int) -> GeneratorConfig:
        return GeneratorConfig(seed=seed, temperature=config.temperature, rules=config.rules)

    openers: dict[str, Callable[[int], Generator]] = {
        "Markov": lambda seed: MarkovPlayer(markov, VoiceGrid(), settings(seed))
    }
    for model in models:
        if model.lower() != "markov":
            openers[_name(model)] = partial(_open_seeded, model, settings)
    return openers


def _open_seeded(model: str, settings: Callable[[int], GeneratorConfig], seed: int) -> Generator:
    return open_generator(model, settings(seed))


def _name(model: str) -> str:
    return Path(model).stem if model.endswith(".onnx") else model


def _nll(chorales: Split, markov: Markov, models: Sequence[str], split: str) -> dict[str, list[np.ndarray]]:
    """Return the nats by note of the baselines and of the models that define them."""
    pieces, codec = chorales[split], VoiceGrid()
    nll = {
        "persistence": persistence_nll(chorales, codec, split),
        "Markov, 4 blended orders": markov_nll(markov, codec, pieces),
    }
    for model in (model for model in models if model.lower() != "markov"):
        player: Any = open_generator(model, GeneratorConfig())
        if isinstance(player, FramesPlayer):
            nll[_name(model)] = frames_nll(player, pieces)
        elif isinstance(player, BachBotPlayer):
            nll[model] = token_nll(player, pieces)
    return nll


def token_nll(player: BachBotPlayer, pieces: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the nats (frame, voice) of chorales under BachBot: those of a frame, spread evenly over its voices.

    They include what the grid does not hold, ties and repeats; the end token is left out.
    """
    out = []
    for piece in pieces:
        player.start()
        tokens = player.codec.encode(from_grid(piece))[:-1]
        nats, frame = np.zeros(len(piece)), 0
        for before, token in pairwise(tokens.tolist()):
            player.take(np.array([before]))
            nats[frame] -= np.log(player.p()[token])
            frame += token == player.codec.FRAME
        out.append(np.repeat(nats[:, None] / piece.shape[1], piece.shape[1], axis=1))
    return out


def step_table(folder: Path, split: str, runs: Sequence[Path] = ()) -> str:
    """Return a table of nats per step on the sets of Boulanger-Lewandowski: baselines, and RNN-RBMs trained on them."""
    trained: dict[str, RnnRbm | ExportedRnnRbm] = {}
    if find_weights("RNN-RBM") is not None:
        trained["JSB_Chorales"] = shipped_rnn_rbm()
    trained |= dict(trained_rnn_rbm(run) for run in runs)
    lines = [f"rolls, {split}: nats per step", f"{'set':16}{'rate of keys':>14}{'Markov by key':>15}{'RNN-RBM':>10}"]
    for name in ROLL_SETS:
        if (folder / f"{name}.mat").exists():
            rolls = load_rolls(folder / f"{name}.mat")
            floors = "".join(
                f"{value:{w}.3f}" for value, w in zip(roll_baselines(rolls, split).values(), (14, 15), strict=True)
            )
            own = f"{rnn_rbm_nll(trained[name], rolls[split]):10.3f}" if name in trained else f"{'-':>10}"
            lines.append(f"{name:16}{floors}{own}")
    return "\n".join(lines)


def shipped_table() -> str:
    """Return a table of what each shipped system reached in training, from its card."""
    lines = [f"{'shipped':16}{'metric':>34}{'validation':>12}{'parameters':>12}{'MB':>8}"]
    for system in SYSTEMS.values():
        if card := card_of(system.name):
            reached = next(iter(card["figures"].values()))
            sizes = f"{card['parameters']:12,}{card['megabytes']:8.2f}"
            lines.append(f"{system.name:16}{system.metric:>34}{reached:12.4f}{sizes}")
    return "\n".join(lines)


def likelihood_table(figures: dict[str, NoteFigures], split: str) -> str:
    """Return a table of nats per note over all, and over notes that move."""
    lines = [
        f"JSB chorales, sixteenths, {split}: every note of whole pieces",
        f"{'model':28}{'per note':>10}{'per change':>12}",
    ]
    lines += [f"{name:28}{f.nats_per_note:10.4f}{f.nats_per_change:12.3f}" for name, f in figures.items()]
    return "\n".join(lines)


def sample_table(figures: dict[str, SampleFigures]) -> str:
    """Return a table of the measures of samples, a row a model."""
    names = SampleFigures.__dataclass_fields__
    head = f"{N_SAMPLES} samples of 8 bars\n{'':16}" + "".join(f"{name.replace('_', ' '):>17}" for name in names)
    rows = [f"{label:16}" + "".join(f"{getattr(row, name):17.4g}" for name in names) for label, row in figures.items()]
    return "\n".join([head, *rows])
