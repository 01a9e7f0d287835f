"""The options of `collaparte separate`."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["EXAMPLES", "HELP", "add_options"]

HELP = "Separate files into stems."
EXAMPLES = """\
examples:
  collaparte separate *.flac --output stems/
  collaparte separate song.flac --model kam --published --iterations 2
  collaparte separate song.flac --model unmix --wiener                   vocals, drums, other; as it would live
  collaparte separate song.flac --model umx --weights umxhq.onnx         weights of `collaparte import-weights`
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which files, by what, where to."""
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE")
    add("--model", choices=["hpss", "kam", "unmix", "umx", "xumx"], default="hpss",
        help="hpss: as live (default); kam: back-fitting over whole files, 0.3 GB a minute; unmix: a network, as live, "
        "or, with weights of two directions, in overlapping segments; umx, xumx: the same, of weights that must be "
        "Open-Unmix or CrossNet-Open-Unmix")  # fmt: skip
    add(
        "--weights",
        type=Path,
        metavar="FILE",
        help="of networks: an ONNX file, heavy or low-latency (default of unmix: what ships)",
    )
    add("--wiener", action="store_true", help="of networks: refine the stems by their place in the stereo image")
    add("--published", action="store_true", help="the paper's medians, 17 frames and 17 bins, not the tuned ones")
    add("--look-ahead", type=int, metavar="FRAMES", help="of hpss: frames of 23 ms (default 5; published 8)")
    add("--iterations", type=int, default=1, metavar="N", help="of kernel back-fitting (default 1)")
    add("--residual", type=float, metavar="MARGIN",
        help="also residual.wav: what exceeds neither by this factor, say 2")  # fmt: skip
    add("--output", type=Path, default=Path("stems"), metavar="DIR", help="one folder a file goes here")
