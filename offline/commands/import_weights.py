"""`collaparte import-weights`: state dicts of others become a network file with metadata, card and licence."""

from __future__ import annotations

import argparse
import hashlib

import torch

from engine.errors import ConfigError, ModelError
from models.export import check, export_unmix, write_card
from models.import_unmix import import_unmix

__all__ = ["command"]

FRAMES = 40
EXPORTED = 1e-4  # largest error of the file against torch, of the masks' standard deviation


def command(args: argparse.Namespace) -> int:
    """Read, check, write, check again."""
    if args.output.suffix != ".onnx":
        raise ConfigError("--output", expected="a name that ends in .onnx", got=args.output.name)
    model = import_unmix(args.files, sample_rate=args.rate, hop=args.hop)
    config = model.config
    source = ", ".join(path.name for path in args.files)
    graph = export_unmix(model, args.output, licence=args.licence, training=f"imported from {source}", int8=args.int8)
    stream = torch.rand(FRAMES, config.n_channels, config.n_bins, generator=torch.Generator().manual_seed(0))
    error = check(graph, args.output, stream, block=FRAMES if config.bidirectional else 7, kind="unmix")
    if not args.int8 and error > EXPORTED:
        raise ModelError(str(args.output), expected=f"an error up to {EXPORTED}", got=f"{error:.2g}")
    fields = {
        "licence": args.licence,
        "training": f"imported from {source}",
        "sources": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in args.files},
        "network": config.as_dict(),
        "checks": {"error": error},
    }
    write_card(args.output, fields)
    kind = "xumx" if config.cross else "umx"
    use = "separate FILE" if config.bidirectional else "run --input mic"
    option = f"--model {kind} --weights" if config.bidirectional else "--separate unmix --model"
    print(f"{args.output}: {', '.join(config.targets)}; try: collaparte {use} {option} {args.output}")
    return 0
