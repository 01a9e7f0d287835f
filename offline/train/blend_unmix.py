"""Several files of separating networks as one that answers with the mean of their masks, with its card."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from engine.config import require
from engine.errors import ConfigError
from models.blend import blend, known_values
from models.export import write_card

__all__ = ["add_options", "main"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `collaparte train unmix-blend`."""
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="exported networks of the same targets and spectra")
    add("--shares", nargs="+", type=float, help="of each in the mean (default: equal ones)")
    add("--target", type=Path, required=True, help="NAME.onnx to write; NAME.toml goes beside it")
    add("--level", type=float, help="of live input, 0 to 1 of full scale (default: the first file's)")
    for name in ("licence", "data", "split", "training"):
        add(f"--{name}", required=True, help="as of `unmix-export`")
    add("--metrics", default="", help="what the blend reaches on what was held out")


def main(arguments: Sequence[str] | None = None) -> None:
    """`collaparte train unmix-blend`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    args = parser.parse_args(arguments)
    shares = args.shares or [1.0] * len(args.files)
    if len(shares) != len(args.files) or min(shares) < 0 or sum(shares) <= 0:
        raise ConfigError("--shares", expected=f"{len(args.files)} numbers from 0 up, not all 0", got=str(shares))
    level = float(known_values(args.files[0]).get("level", 0) if args.level is None else args.level)
    require("level", level, 0, 1)
    metadata = {"network": "blend", "level": level, "licence": args.licence, "training": args.training}
    blend(args.files, shares, args.target, metadata)
    fields = {name: getattr(args, name) for name in ("licence", "data", "split", "training", "metrics")}
    parts = [{"file": path.name, "share": share} for path, share in zip(args.files, shares, strict=True)]
    megabytes = round(args.target.stat().st_size / 1e6, 2)
    write_card(args.target, {**fields, "parts": parts, "level": level, "megabytes": megabytes})
    print(f"{args.target}: {megabytes} MB")


if __name__ == "__main__":
    main()
