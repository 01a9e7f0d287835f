"""What the cards of the shipped networks say can be done: every option in their commands is one that is still there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from cli.app import FRONT_DOOR
from tests.places import ROOT

CARDS = sorted((ROOT / "models" / "weights").rglob("*.toml"))
DECLARED = re.compile(r'"(--[a-z][a-z0-9-]*)"')
PRINTED = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


def options(command: click.Command) -> Iterator[str]:
    """The options of a command and of the commands in it."""
    for parameter in command.params:
        yield from (name for name in (*parameter.opts, *parameter.secondary_opts) if name.startswith("--"))
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=command.name)
        for name in command.list_commands(context):
            yield from options(command.resolve_command(context, [name])[1] or command)


@cache
def known_options() -> frozenset[str]:
    """The options of all commands, and those that modules still read themselves."""
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "offline").rglob("*.py"))
    return frozenset(options(FRONT_DOOR)) | {name for source in sources for name in DECLARED.findall(source)}


@pytest.mark.parametrize("card", CARDS, ids=lambda path: path.stem)
def test_a_card_names_no_option_that_is_gone(card: Path) -> None:
    assert set(PRINTED.findall(card.read_text(encoding="utf-8"))) <= known_options()
