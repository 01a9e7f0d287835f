"""Commands whose options are still read by the module that does the work."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

import rich_click as click

__all__ = ["BRIDGED", "bridge"]

Rewrite = Callable[[list[str]], list[str]]


def _as_it_is(words: list[str]) -> list[str]:
    return words


def _output_first(words: list[str]) -> list[str]:
    """The value of -o as the first word."""
    for name in ("-o", "--output"):
        if name in words:
            i = words.index(name)
            return [words[i + 1], *words[:i], *words[i + 2 :]]
    return words


def bridge(module: str, name: str, rewrite: Rewrite = _as_it_is) -> click.Command:
    """A command that hands its options over as they are."""

    def act(words: tuple[str, ...]) -> int:
        sys.argv[0] = f"collaparte {name}"
        return int(importlib.import_module(module).main(rewrite(list(words))) or 0)

    return click.Command(
        name,
        callback=act,
        params=[click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)],
        add_help_option=False,
        context_settings={"ignore_unknown_options": True},
    )


T = "offline.training"
BRIDGED: dict[str, dict[str, tuple[str, Rewrite]]] = {
    "train": {
        "salience": (f"{T}.salience.train", _as_it_is),
    },
    "export": {
        "salience": (f"{T}.salience.export", _as_it_is),
    },
    "table": {},
    "finetune": {},
}
