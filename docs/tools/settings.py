"""Write `docs/settings.md`: every setting of every settings class, from its declaration."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from pathlib import Path, PurePath
from typing import Any

from engine.core.config import SETTING, Setting, settings_of

__all__ = ["PAGE", "settings_page"]

PAGE = Path(__file__).parents[1] / "settings.md"
FLOORS = ("engine", "models", "offline")
HEAD = """\
# Settings

Made by `make docs` from the declarations in the code; a test holds it. A command's options have the same names with
hyphens, `--look-ahead` for `look_ahead`.
"""


def settings_page() -> str:
    """The whole page as Markdown."""
    return HEAD + "".join(_section(kind) for kind in _kinds())


def _kinds() -> list[type[Any]]:
    """Every public dataclass with declared settings, in order of its module."""
    found = {kind for floor in FLOORS for module in _modules(floor) for kind in _declared(module)}
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


def _modules(floor: str) -> Iterator[Any]:
    package = importlib.import_module(floor)
    for info in pkgutil.walk_packages(package.__path__, f"{floor}."):
        yield importlib.import_module(info.name)


def _declared(module: Any) -> Iterator[type[Any]]:
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if kind.__module__ == module.__name__ and is_dataclass(kind) and settings_of(kind) and kind.__name__[0] != "_":
            yield kind


def _section(kind: type[Any]) -> str:
    summary = (inspect.getdoc(kind) or "").split("\n")[0]
    rows = "".join(_row(each) for each in fields(kind) if SETTING in each.metadata)
    table = f"| setting | default | allowed | what |\n|---|---|---|---|\n{rows}"
    return f"\n## {kind.__name__}\n\n`{kind.__module__}`: {summary}\n\n{table}"


def _row(each: Field[Any]) -> str:
    setting: Setting = each.metadata[SETTING]
    return f"| `{each.name}` | {_default(each)} | {_allowed(setting)} | {_text(setting.text)} |\n"


def _text(text: str) -> str:
    return text.replace("|", "\\|")


def _default(each: Field[Any]) -> str:
    if each.default is MISSING and each.default_factory is MISSING:
        return "required"
    value = each.default if each.default is not MISSING else each.default_factory()  # type: ignore[misc]
    if is_dataclass(value):
        return f"`{type(value).__name__}`"
    if value is None or value in ((), [], {}):
        return "none"
    return f"`{_plain(value)}`"


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return "the file that ships" if isinstance(value, PurePath) and value.is_absolute() else value


def _allowed(setting: Setting) -> str:
    if setting.choices:
        return ", ".join(f"`{value}`" for value in setting.choices)
    if setting.low is None or setting.high is None:
        return ""
    odd = ", odd" if setting.odd else ""
    return f"{setting.low:g} to {setting.high:g}{' ' + setting.unit if setting.unit else ''}{odd}"
