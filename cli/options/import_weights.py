"""The options of `collaparte import-weights`."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["EXAMPLES", "HELP", "add_options"]

HELP = "Turn weights that you download into a file: Open-Unmix or X-UMX for `separate`, YAMNet for sound events."
EXAMPLES = """\
The weights of others have their own licences, which go into the file: say which with --licence. As published,
umxhq is MIT, umxl CC BY-NC-SA 4.0 (not for commercial use). Both hear the future: they are for files, not live.
YAMNet (Apache-2.0) is an embedding: a sound event network that is trained to hear it besides knows more sounds.

examples:
  collaparte import-weights vocals-*.pth drums-*.pth bass-*.pth other-*.pth --licence MIT -o umxhq.onnx
  collaparte import-weights pytorch_model.bin --licence "as its page says" -o xumx.onnx
  collaparte separate song.flac --model umx --weights umxhq.onnx --wiener
  collaparte import-weights yamnet_base --licence Apache-2.0 -o yamnet.onnx
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which files, of which licence, where to."""
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE",
        help="state dicts of torch: of UMX one for each target, named by it; of X-UMX the one with all; of YAMNet the "
        "folder of its SavedModel")  # fmt: skip
    add("-o", "--output", type=Path, required=True, metavar="ONNX", help="what to write; a card, NAME.toml, beside it")
    add("--licence", required=True, metavar="TEXT", help="of these weights, as their authors say")
    add("--rate", type=int, default=44100, metavar="HZ", help="sample rate they were trained at (default 44100)")
    add(
        "--hop",
        type=int,
        metavar="SAMPLES",
        help="between frames (default a quarter of a frame, as published) or embeddings (default 3840)",
    )
    add("--int8", action="store_true", help="store 8-bit weights: a quarter of the size")
