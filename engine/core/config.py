"""Settings: frozen dataclasses whose fields carry range, unit and text, and errors that list what is allowed.

A field is declared once:

    @dataclass(frozen=True, slots=True, kw_only=True)
    class TempoConfig(Settings):
        \"\"\"How the tempo may change.\"\"\"

        drift: float = ranged(0.02, 0, 1, "how far the tempo may wander", unit="log/s")
        start: str = choice("score", ("score", "input"), "where the first tempo comes from")

Checks, the options of the command line, the settings on the card of a network and the reference page are made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeVar

from engine.core.errors import ConfigError

__all__ = [
    "Setting",
    "Settings",
    "check",
    "choice",
    "from_mapping",
    "names_file",
    "nearest",
    "numbers",
    "plain",
    "ranged",
    "require",
    "require_odd",
    "require_one_of",
    "resolved",
    "settings_of",
]

T = TypeVar("T")
SETTING = "setting"


@dataclass(frozen=True, slots=True)
class Setting:
    """Declaration of a field of a settings class.

    text: what the field is, a phrase for --help and the reference page
    low, high: smallest and largest value of a number
    unit: of a number; empty for counts and ratios
    choices: the allowed values of a choice
    ending: of the files whose path is allowed besides the choices; empty for none
    odd: whether a number must be odd
    optional: whether None is allowed; it always is if it is the default
    """

    text: str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    choices: tuple[Any, ...] = ()
    ending: str = ""
    odd: bool = False
    optional: bool = False


class Settings:
    """Base of settings classes: checks every field by its declaration.

    A class with further checks defines `__post_init__` and calls `check(self)` first.
    """

    __slots__ = ()

    def __post_init__(self) -> None:
        check(self)


def ranged(
    default: Any, low: float, high: float, text: str, *, unit: str = "", odd: bool = False, optional: bool = False
) -> Any:
    """Declare a number from low to high; `default` MISSING makes it required, None or `optional` allow None."""
    return _declare(default, Setting(text, low=low, high=high, unit=unit, odd=odd, optional=optional))


def choice(default: Any, choices: Collection[Any], text: str, *, ending: str = "") -> Any:
    """Declare one of some values; with an `ending`, or the path of a file that ends so."""
    return _declare(default, Setting(text, choices=tuple(choices), ending=ending))


def plain(default: Any, text: str) -> Any:
    """Declare a flag, a name, a path or further settings; a callable default makes the value anew each time."""
    return _declare(default, Setting(text))


def _declare(default: Any, setting: Setting) -> Any:
    metadata = {SETTING: setting}
    if default is MISSING:
        return field(metadata=metadata)
    if callable(default) and not isinstance(default, Enum):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def settings_of(kind: type[Any]) -> dict[str, Setting]:
    """Return the declared fields of a settings class, by name, in order."""
    return {each.name: each.metadata[SETTING] for each in fields(kind) if SETTING in each.metadata}


def check(config: Any) -> None:
    """Raise ConfigError unless every declared field is in its range or one of its choices."""
    for name, setting in settings_of(type(config)).items():
        value = getattr(config, name)
        if value is None and (setting.optional or _optional(type(config), name)):
            continue
        several = isinstance(value, tuple | list) and "tuple" in str(_field(type(config), name).type)
        for each in value if several else (value,):
            _check_value(name, each, setting)


def names_file(value: object, ending: str) -> bool:
    """Return whether a value is the path of a file with such an ending; nothing is where there is no ending."""
    return bool(ending) and isinstance(value, str) and value.endswith(ending)


def _check_value(name: str, value: Any, setting: Setting) -> None:
    if setting.choices and not names_file(value, setting.ending):
        require_one_of(name, value, setting.choices)
    elif setting.low is not None and setting.high is not None:
        _requirement(setting)(name, value, setting.low, setting.high)


def _optional(kind: type[Any], name: str) -> bool:
    return _field(kind, name).default is None


def _field(kind: type[Any], name: str) -> Field[Any]:
    found: Field[Any] = kind.__dataclass_fields__[name]
    return found


def _requirement(setting: Setting) -> Callable[[str, Any, Any, Any], None]:
    return require_odd if setting.odd else require


def require(name: str, value: float, low: float, high: float) -> None:
    """Raise ConfigError unless low <= value <= high; NaN and non-numbers fail too."""
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
        names = list(map(str, allowed))
        raise ConfigError(name, expected="one of " + ", ".join(names), got=repr(value), remedy=nearest(value, names))


def nearest(name: object, known: Collection[str]) -> str:
    """Return `did you mean X?`, or an empty text if no known name is similar."""
    found = get_close_matches(str(name), known, 1)
    return f"did you mean {found[0]}?" if found else ""


def from_mapping(kind: type[T], values: Mapping[str, Any]) -> T:
    """Build a settings dataclass from names and values; an unknown name is an error that lists the valid ones."""
    assert is_dataclass(kind)
    known = [each.name for each in fields(kind)]
    for name in values:
        if name not in known:
            where, remedy = f"{kind.__name__}.{name}", nearest(name, known)
            raise ConfigError(where, expected="one of " + ", ".join(known), got=repr(name), remedy=remedy)
    return kind(**values)


def resolved(config: Any) -> dict[str, Any]:
    """Return all fields of a settings dataclass as plain values, for cards and checkpoints.

    Plain values are numbers, texts, lists and tables.
    """
    return {name: _plain_value(value) for name, value in asdict(config).items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain_value(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, PurePath) else value


def numbers(kind: type[T], config: Any, **derived: Any) -> T:
    """Build the NamedTuple that a kernel takes: every field by its name, from `derived` or from the config."""
    names: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    return kind(**{name: derived[name] if name in derived else getattr(config, name) for name in names})
