"""`collaparte import-weights`: weights of others become a network file with metadata, card and licence."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import torch

from engine.core.config import require
from engine.core.errors import ConfigError, ModelError
from models.detection.tensor_bundle import DATA, INDEX, read_variables
from models.detection.yamnet import DIMENSION, SAMPLE_RATE, WINDOW, yamnet
from models.export import Graph, check_graph, export_graph
from models.separation.graph import export_separator
from models.separation.import_open_unmix import import_open_unmix
from offline.training.common.card import write_card

__all__ = ["command"]

FRAMES = 40
EXPORTED = 1e-4  # largest error of the file against torch, of the outputs' standard deviation
EMBEDDING_HOP = 3840  # samples: 0.24 s, four vectors for the second that each of them hears


def command(args: argparse.Namespace) -> int:
    """Read, check, write, check again."""
    if args.output.suffix != ".onnx":
        raise ConfigError("--output", expected="a name that ends in .onnx", got=args.output.name)
    if args.files[0].is_dir():
        return _embedding(args)
    model = import_open_unmix(args.files, sample_rate=args.rate, hop=args.hop)
    config = model.config
    source = ", ".join(path.name for path in args.files)
    graph = export_separator(
        model, args.output, licence=args.licence, training=f"imported from {source}", int8=args.int8
    )
    stream = torch.rand(FRAMES, config.n_channels, config.n_bins, generator=torch.Generator().manual_seed(0))
    error = check_graph(graph, args.output, stream, block=FRAMES if config.bidirectional else 7, kind="unmix")
    if not args.int8 and error > EXPORTED:
        raise ModelError(str(args.output), expected=f"an error up to {EXPORTED}", got=f"{error:.2g}")
    fields = {
        "licence": args.licence,
        "training": f"imported from {source}",
        "sources": {path.name: _digest(path) for path in args.files},
        "network": config.as_dict(),
        "checks": {"error": error},
    }
    write_card(args.output, fields)
    kind = "xumx" if config.cross else "umx"
    use = "separate FILE" if config.bidirectional else "run --input mic"
    option = f"--model {kind} --weights" if config.bidirectional else "--separate unmix --model"
    print(f"{args.output}: {', '.join(config.targets)}; try: collaparte {use} {option} {args.output}")
    return 0


def _embedding(args: argparse.Namespace) -> int:
    """YAMNet of its SavedModel's folder, as an embedding that sound event networks hear besides."""
    folder, *others = args.files
    if others or args.int8:
        got = "--int8" if args.int8 else f"{len(args.files)} files"
        raise ConfigError("import-weights", expected="the folder alone", got=got)
    hop = EMBEDDING_HOP if args.hop is None else args.hop
    require("--hop", hop, 1, WINDOW)
    net = yamnet(read_variables(folder), folder)
    graph = Graph(module=net, inputs={"audio": torch.zeros(1, WINDOW)}, outputs=("vector",), dynamic={})
    export_graph(graph, args.output, {"kind": "embedding", "licence": args.licence})
    stream = 0.1 * torch.randn(1, WINDOW, generator=torch.Generator().manual_seed(0))
    if (error := check_graph(graph, args.output, stream, block=1, kind="embedding")) > EXPORTED:
        raise ModelError(str(args.output), expected=f"an error up to {EXPORTED}", got=f"{error:.2g}")
    fields = {
        "sample_rate": SAMPLE_RATE,
        "window": WINDOW,
        "hop": hop,
        "dimension": DIMENSION,
        "licence": args.licence,
        "training": f"imported from {folder.name}",
        "sources": {name: _digest(folder / "variables" / name) for name in (INDEX, DATA)},
        "checks": {"error": error},
    }
    write_card(args.output, fields)
    name = args.output.stem
    print(f"{args.output}: try: collaparte train crnn mine.onnx --data my_sounds/ --embedding {name}={args.output}")
    return 0


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
