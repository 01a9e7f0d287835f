"""`collaparte evaluate generators`: likelihood with its floors, and samples beside the corpus."""

from __future__ import annotations

import argparse

from offline.training.generation.config import GeneratorEvaluation
from offline.training.generation.evaluate import evaluate_generators

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Print the tables."""
    config = GeneratorEvaluation(
        models=tuple(args.models),
        data=args.data,
        split=args.split,
        temperature=args.temperature,
        rules=not args.free,
        runs=tuple(args.runs),
    )
    print(evaluate_generators(config))
    return 0
