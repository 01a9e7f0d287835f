"""Lists of commands, of which only the chosen one is imported."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import rich_click as click

from cli.common import write_as_is
from engine.core.config import nearest
from engine.core.errors import ConfigError

__all__ = ["Entry", "LazyGroup"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row in a list of commands.

    text: one line for --help
    load: `module:name` of the command, imported when it is chosen, or a function that makes it
    panel: heading in --help
    """

    text: str
    load: str | Callable[[], click.Command]
    panel: str = "Commands"


class LazyGroup(click.RichGroup):
    """Commands of which only the chosen one is imported; aliases: other names of commands, not shown."""

    def __init__(self, entries: Mapping[str, Entry], aliases: Mapping[str, str] | None = None, **more: Any) -> None:
        shown: dict[str, click.Command] = {
            name: click.RichCommand(name=name, help=row.text, panel=row.panel) for name, row in entries.items()
        }
        super().__init__(commands=shown, **more)
        self.entries: Mapping[str, Entry] = entries
        self.other_names: Mapping[str, str] = aliases or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the rows."""
        return list(self.entries)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Import the command that the first argument names; ConfigError where there is none of this name."""
        name = self.other_names.get(args[0], args[0])
        if name not in self.entries:
            if name.startswith("-"):
                return super().resolve_command(ctx, args)
            remedy = nearest(name, list(self.entries)) or f"{ctx.command_path} --help lists them"
            where = ctx.command_path.removeprefix("collaparte").strip() or "command"
            raise ConfigError(where, expected="one of " + ", ".join(self.entries), got=repr(name), remedy=remedy)
        row = self.entries[name]
        loaded = row.load() if callable(row.load) else _import(row.load)
        loaded.name, loaded.help = name, row.text
        return name, loaded, args[1:]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples line by line."""
        write_as_is(self.epilog, formatter)


def _import(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
