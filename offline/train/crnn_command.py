"""`collaparte train crnn`: with --data your own classes in minutes, with --sets a network from the beginning."""

from __future__ import annotations

from collections.abc import Sequence

from offline.train import crnn_job, own_sounds

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Hand over to the one that the options ask for."""
    given = list(arguments or ())
    if any(text.split("=")[0] == "--sets" for text in given):
        crnn_job.main(given)
        return 0
    return own_sounds.main(given)
