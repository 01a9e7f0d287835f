"""Several files of separating networks as one that answers with the mean of their masks, with its card."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Sequence
from pathlib import Path

from engine.core.config import require
from engine.core.errors import ConfigError
from models.separation.blend import blend, known_values
from offline.training.common.card import write_card

__all__ = ["add_options", "main"]

KEPT = ("licence", "data", "training", "metrics", "network", "checks", "sha256")  # of a part's card


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `collaparte train unmix-blend`."""
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="exported networks of the same targets and spectra")
    add("--shares", nargs="+", type=float, help="of each in the mean (default: equal ones)")
    add("--target", type=Path, required=True, help="NAME.onnx to write; NAME.toml goes beside it")
    add("--level", type=float, help="of live input, 0 to 1 of full scale (default: the first file's)")
    add("--licence", required=True, help="of the weights")
    add("--split", required=True, help="what was held out of all of them")
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
    pairs = list(zip(args.files, shares, strict=True))
    parts = {f"part_{i + 1}": _part(path, share) for i, (path, share) in enumerate(pairs)}
    training = "the mean of the masks of " + ", ".join(f"{path.name} ({share:g})" for path, share in pairs)
    metadata = {"network": "blend", "level": level, "licence": args.licence, "training": training}
    blend(args.files, shares, args.target, metadata)
    fields = {name: getattr(args, name) for name in ("licence", "split", "metrics")}
    megabytes = round(args.target.stat().st_size / 1e6, 2)
    write_card(args.target, {**fields, "training": training, "level": level, "megabytes": megabytes, **parts})
    print(f"{args.target}: {megabytes} MB")


def _part(path: Path, share: float) -> dict[str, object]:
    """What the card of one of the files says, as far as it has one."""
    card = path.with_suffix(".toml")
    known = tomllib.loads(card.read_text(encoding="utf-8")) if card.is_file() else {}
    return {"file": path.name, "share": share, **{name: known[name] for name in KEPT if name in known}}


if __name__ == "__main__":
    main()
