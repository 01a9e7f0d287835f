"""`collaparte evaluate generators`: likelihood with its floors, and samples beside the corpus they should resemble."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

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
from offline.generation.config import WriterConfig
from offline.generation.frame_writer import FrameWriter
from offline.generation.key_normalisation import KEY_NATS, at_home
from offline.generation.markov import Markov, fit_chorales
from offline.generation.open_system import MarkovWriter, open_source
from offline.generation.stream import Frames, Source, collect
from offline.generation.systems import SYSTEMS
from offline.generation.weights import card_of, find_weights
from offline.music.codecs import VoiceGrid
from offline.music.piece import from_grid, to_grid
from offline.music.roll_sets import ROLL_SETS, Split, load_chorales, load_rolls
from offline.music.sampling import softmax
from offline.training.generation.likelihood import (
    NoteFigures,
    markov_nll,
    note_figures,
    persistence_nll,
    rnn_rbm_nll,
    roll_floors,
    shipped_rnn_rbm,
    trained_rnn_rbm,
)

__all__ = ["SampleFigures", "evaluate", "frames_nll", "sample_figures"]

N_SAMPLES, N_FRAMES = 24, 128  # samples of eight bars
SEED, N_VOICES = 1000, 4
CHORALE_SYSTEMS = ("Frames", "BachBot", "DeepBach", "MiniBach")  # that write four voices at sixteenths


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFigures:
    """Of samples, or of a corpus cut alike; overlaps are with the corpus; copied: longest run of frames, see
    `copy_check`, over all samples.
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


def frames_nll(writer: FrameWriter, pieces: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Nats (frame, voice) of chorales under a frame network, played step by step as it is live."""
    return [_piece_nll(writer, piece) for piece in pieces]


def _piece_nll(writer: FrameWriter, piece: np.ndarray) -> np.ndarray:
    writer.reset()
    tokens = writer.codec.tokens(at_home(piece) if writer.home else piece)
    out = np.zeros(piece.shape)
    for t, frame in enumerate(tokens):
        logits = writer.head.run({**writer.ask(), "chosen": frame.reshape(1, 1, -1)})["logits"]
        out[t] = [-np.log(softmax(row)[token]) for row, token in zip(logits, frame, strict=True)]
        writer.accept(frame)
    out[0] += KEY_NATS / piece.shape[1] if writer.home else 0
    return out


def excerpts(pieces: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The first eight bars of every piece that has them."""
    return [piece[:N_FRAMES] for piece in pieces if len(piece) >= N_FRAMES]


def samples_of(open_source: Callable[[int], Source]) -> list[np.ndarray]:
    """Samples of eight bars (frame, 4), each from its own seed."""
    return [to_grid(collect(open_source(seed), N_FRAMES), N_VOICES)[0] for seed in range(SEED, SEED + N_SAMPLES)]


def sample_figures(samples: list[np.ndarray], corpus: list[np.ndarray], train: list[np.ndarray]) -> SampleFigures:
    """Compare samples with a corpus of excerpts of equal length; what was copied is looked for in `train`."""
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


def evaluate(args: argparse.Namespace) -> str:
    """The tables of `collaparte evaluate generators`."""
    chorales, codec = load_chorales(args.data / "Jsb16thSeparated.json"), VoiceGrid()
    markov = fit_chorales(chorales["train"], codec)
    models = args.models or [name for name in CHORALE_SYSTEMS if find_weights(name) is not None]
    likelihood = {
        name: note_figures(chorales[args.split], nll)
        for name, nll in _nll(chorales, markov, models, args.split).items()
    }
    options = {"temperature": args.temperature, "rules": not args.free}
    sources: dict[str, Callable[[int], Source]] = {
        "Markov": lambda seed: Frames(MarkovWriter(markov, codec, WriterConfig(seed=seed, **options)))
    }
    for model in (model for model in models if model.lower() != "markov"):  # which is in every table
        sources[_name(model)] = lambda seed, model=model: open_source(model, WriterConfig(seed=seed, **options))  # type: ignore[misc]
    corpus = excerpts(chorales[args.split])
    rows = {f"Bach, {args.split}": sample_figures(corpus, corpus, chorales["train"])}
    rows["Bach, valid"] = sample_figures(excerpts(chorales["valid"]), corpus, chorales["train"])
    rows |= {name: sample_figures(samples_of(source), corpus, chorales["train"]) for name, source in sources.items()}
    steps = step_table(args.data, args.split, args.runs)
    return "\n\n".join([likelihood_table(likelihood, args.split), sample_table(rows), steps, shipped_table()])


def _name(model: str) -> str:
    return Path(model).stem if model.endswith(".onnx") else model


def _nll(chorales: Split, markov: Markov, models: Sequence[str], split: str) -> dict[str, list[np.ndarray]]:
    """Nats by note of the floors and of the models that define them."""
    pieces, codec = chorales[split], VoiceGrid()
    nll = {
        "persistence": persistence_nll(chorales, codec, split),
        "Markov, 4 blended orders": markov_nll(markov, codec, pieces),
    }
    for model in models:
        if model.endswith(".onnx") or model == "Frames":
            path = Path(model) if model.endswith(".onnx") else find_weights(model)
            nll[_name(model)] = frames_nll(FrameWriter(path or Path(model), WriterConfig()), pieces)
        elif model == "BachBot":
            nll[model] = token_nll(open_source(model, WriterConfig()), pieces)
    return nll


def token_nll(player: Any, pieces: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Nats (frame, voice) of chorales under BachBot: all that it says of a frame, over its four voices alike.

    It says more than the grid holds, as it also tells ties from repeats; the last token, the end, is left out.
    """
    out = []
    for piece in pieces:
        player.start()
        tokens = player.codec.encode(from_grid(piece))[:-1]
        nats, frame = np.zeros(len(piece)), 0
        for before, token in pairwise(tokens.tolist()):
            player.net.step(np.array([before]))
            nats[frame] -= np.log(player.net.p(0, np.array([token]))[token])
            frame += token == player.codec.FRAME
        out.append(np.repeat(nats[:, None] / piece.shape[1], piece.shape[1], axis=1))
    return out


def step_table(folder: Path, split: str, runs: Sequence[Path] = ()) -> str:
    """Nats per step on the four sets of Boulanger-Lewandowski: the floors, and the RNN-RBMs that learnt them."""
    trained = {"JSB_Chorales": shipped_rnn_rbm()} if find_weights("RNN-RBM") is not None else {}
    trained |= dict(trained_rnn_rbm(run) for run in runs)
    lines = [f"rolls, {split}: nats per step", f"{'set':16}{'rate of keys':>14}{'Markov by key':>15}{'RNN-RBM':>10}"]
    for name in ROLL_SETS:
        if (folder / f"{name}.mat").exists():
            rolls = load_rolls(folder / f"{name}.mat")
            floors = "".join(
                f"{value:{w}.3f}" for value, w in zip(roll_floors(rolls, split).values(), (14, 15), strict=True)
            )
            own = f"{rnn_rbm_nll(trained[name], rolls[split]):10.3f}" if name in trained else f"{'-':>10}"
            lines.append(f"{name:16}{floors}{own}")
    return "\n".join(lines)


def shipped_table() -> str:
    """What each system that ships reached in training, from its card."""
    lines = [f"{'shipped':16}{'metric':>34}{'validation':>12}{'parameters':>12}{'MB':>8}"]
    for system in SYSTEMS.values():
        if card := card_of(system.name):
            reached = next(iter(card["figures"].values()))
            sizes = f"{card['parameters']:12,}{card['megabytes']:8.2f}"
            lines.append(f"{system.name:16}{system.metric:>34}{reached:12.4f}{sizes}")
    return "\n".join(lines)


def likelihood_table(figures: dict[str, NoteFigures], split: str) -> str:
    """Nats per note over all, and over notes that move."""
    lines = [
        f"JSB chorales, sixteenths, {split}: every note of whole pieces",
        f"{'model':28}{'per note':>10}{'per change':>12}",
    ]
    lines += [f"{name:28}{f.nats_per_note:10.4f}{f.nats_per_change:12.3f}" for name, f in figures.items()]
    return "\n".join(lines)


def sample_table(figures: dict[str, SampleFigures]) -> str:
    """Measures of samples, a row a model."""
    names = SampleFigures.__dataclass_fields__
    head = f"{N_SAMPLES} samples of 8 bars\n{'':16}" + "".join(f"{name.replace('_', ' '):>17}" for name in names)
    rows = [f"{label:16}" + "".join(f"{getattr(row, name):17.4g}" for name in names) for label, row in figures.items()]
    return "\n".join([head, *rows])
