"""`collaparte evaluate generators`: likelihood with its floors, and samples beside the corpus they should resemble."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from offline.data.symbolic import Split, load_chorales
from offline.evaluate.likelihood import NoteFigures, markov_nll, note_figures, persistence_nll
from offline.evaluate.musical import (
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
from offline.generate.codecs import VoiceGrid
from offline.generate.frame_writer import FrameWriter
from offline.generate.markov import Markov, fit_chorales
from offline.generate.sampling import softmax
from offline.generate.stream import FrameSource
from offline.generate.writer_config import WriterConfig
from offline.generate.writers import MarkovWriter

__all__ = ["SampleFigures", "add_options", "evaluate", "frames_nll", "sample_figures"]

N_SAMPLES, N_FRAMES = 24, 128  # samples of eight bars
SEED = 1000


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
    tokens = writer.codec.tokens(piece)
    out = np.zeros(piece.shape)
    for t, frame in enumerate(tokens):
        last = writer.last.reshape(1, 1, -1)
        shares = writer.shares()
        logits = writer.head.run({"shares": shares, "last": last, "chosen": frame.reshape(1, 1, -1)})["logits"]
        out[t] = [-np.log(softmax(row)[token]) for row, token in zip(logits, frame, strict=True)]
        writer.accept(frame)
    return out


def excerpts(pieces: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The first eight bars of every piece that has them."""
    return [piece[:N_FRAMES] for piece in pieces if len(piece) >= N_FRAMES]


def samples_of(open_source: Callable[[int], FrameSource]) -> list[np.ndarray]:
    """Samples of eight bars, each from its own seed."""
    samples = []
    for seed in range(SEED, SEED + N_SAMPLES):
        source = open_source(seed)
        samples.append(np.stack([source.step() for _ in range(N_FRAMES)]))
    return samples


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


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `collaparte evaluate generators`."""
    add = parser.add_argument
    add("models", nargs="*", type=Path, metavar="FILE.onnx", help="frame networks")
    add("--data", type=Path, required=True, metavar="DIR", help="folder with Jsb16thSeparated.json")
    add("--split", choices=["valid", "test"], default="test")
    add("--temperature", type=float, default=0.7)
    add("--free", action="store_true", help="sample without the rule against parallels")


def evaluate(args: argparse.Namespace) -> str:
    """Two tables: nats per note, and samples beside the corpus."""
    chorales, codec = load_chorales(args.data / "Jsb16thSeparated.json"), VoiceGrid()
    markov = fit_chorales(chorales["train"], codec)
    likelihood = {name: note_figures(chorales[args.split], nll) for name, nll in _nll(args, chorales, markov).items()}
    config = {"temperature": args.temperature, "rules": not args.free}
    sources: dict[str, Callable[[int], FrameSource]] = {
        "Markov": lambda seed: MarkovWriter(markov, codec, WriterConfig(seed=seed, **config))
    }
    for path in args.models:
        sources[path.stem] = lambda seed, path=path: FrameWriter(path, WriterConfig(seed=seed, **config))  # type: ignore[misc]
    corpus = excerpts(chorales[args.split])
    rows = {f"Bach, {args.split}": sample_figures(corpus, corpus, chorales["train"])}
    rows["Bach, valid"] = sample_figures(excerpts(chorales["valid"]), corpus, chorales["train"])
    rows |= {name: sample_figures(samples_of(source), corpus, chorales["train"]) for name, source in sources.items()}
    return f"{likelihood_table(likelihood, args.split)}\n\n{sample_table(rows)}"


def _nll(args: argparse.Namespace, chorales: Split, markov: Markov) -> dict[str, list[np.ndarray]]:
    pieces, codec = chorales[args.split], VoiceGrid()
    nll = {
        "persistence": persistence_nll(chorales, codec, args.split),
        "Markov, 4 blended orders": markov_nll(markov, codec, pieces),
    }
    for path in args.models:
        nll[path.stem] = frames_nll(FrameWriter(path, WriterConfig()), pieces)
    return nll


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
