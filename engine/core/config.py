"""Settings: frozen dataclasses with ranges, and errors that list what is allowed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from engine.core.errors import ConfigError

__all__ = ["from_mapping", "require", "require_odd", "require_one_of"]

T = TypeVar("T")


def require(name: str, value: float, low: float, high: float) -> None:
    """Raise ConfigError unless low <= value <= high; NaN and what is not a number fail too."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ConfigError(name, expected=f"a number from {low} to {high}", got=repr(value))


def require_odd(name: str, value: int, low: int, high: int) -> None:
    """Raise ConfigError unless value is an odd whole number from low to high."""
    require(name, value, low, high)
    if value % 2 != 1:
        raise ConfigError(
            name, expected=f"an odd number from {low} to {high}", got=repr(value), remedy=f"try {value + 1}"
        )


def require_one_of(name: str, value: object, allowed: Collection[object]) -> None:
    """Raise ConfigError unless value is one of the allowed ones."""
    if value not in allowed:
        raise ConfigError(name, expected="one of " + ", ".join(map(str, allowed)), got=repr(value))


def from_mapping(kind: type[T], values: Mapping[str, Any]) -> T:
    """Build a settings dataclass from names and values; an unknown name is an error that lists the valid ones."""
    assert is_dataclass(kind)
    known = [field.name for field in fields(kind)]
    for name in values:
        if name not in known:
            raise ConfigError(f"{kind.__name__}.{name}", expected="one of " + ", ".join(known), got=repr(name))
    return kind(**values)
