"""The options of `collaparte evaluate generators` and `collaparte evaluate listening`."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["generators", "listening"]


def generators(parser: argparse.ArgumentParser) -> None:
    """What is measured, on which corpus."""
    add = parser.add_argument
    add("models", nargs="*", metavar="MODEL", help="systems, or files NAME.onnx of frame networks; default what ships")
    add("--data", type=Path, required=True, metavar="DIR", help="folder with Jsb16thSeparated.json and the .mat sets")
    add("--split", choices=["valid", "test"], default="test")
    add("--temperature", type=float, default=0.7)
    add("--runs", type=Path, nargs="*", default=[], metavar="RUN", help="folders of RNN-RBMs trained on other sets")
    add("--free", action="store_true", help="sample without the rule against parallels")


def listening(parser: argparse.ArgumentParser) -> None:
    """Which systems are heard; or which answers are read."""
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="where the page and its sounds are")
    add("--models", nargs="+", default=[], metavar="MODEL", help="systems to compare; with --data also Markov and Bach")
    add("--data", type=Path, metavar="DIR", help="folder of the chorales")
    add("--bars", type=int, default=8, help="of each sound (default 8)")
    add("--sounds", type=int, default=4, help="of each system (default 4)")
    add("--pairs", type=int, default=4, help="of every two systems; an even number balances the order (default 4)")
    add("--tempo", type=float, default=100.0, metavar="BPM")
    add("--seed", type=int, default=0)
    add("--sound-font", type=Path, metavar="FILE.sf2")
    add("--answers", nargs="+", type=Path, default=[], metavar="FILE.json", help="read answers and print what they say")
