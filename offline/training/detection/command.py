"""`collaparte train crnn`: with --data your own classes in minutes, with --sets a network from the beginning."""

from __future__ import annotations

from collections.abc import Sequence

from offline.training.detection import finetune, train

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Hand over to the one that the options ask for."""
    given = list(arguments or ())
    if any(text.split("=")[0] == "--sets" for text in given):
        train.main(given)
        return 0
    return finetune.main(given)
