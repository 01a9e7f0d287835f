"""Commands and their options: made from settings classes and read back; the options that several commands share.

A command's options are a settings class, declared as every other (`engine.core.config`). `command_options` makes the
options of it, `settings_from` makes the settings of what was typed. A field's name is its option: `look_ahead` is
`--look-ahead`. `option` and `argument` add what only the command line knows: a group in --help, a short name, a
metavar.
"""

from __future__ import annotations

import importlib
import math
import types
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import rich_click as click
from click.shell_completion import CompletionItem

from cli.terminal.output import leave_quietly
from cli.terminal.places import WRITES_EITHER, WRITES_FILE, WRITES_FOLDER, require_places
from engine.core.config import (
    SETTING,
    Setting,
    choice,
    names_file,
    nearest,
    plain,
    ranged,
    require,
    require_odd,
    require_one_of,
)
from engine.core.errors import ConfigError
from engine.following.warping.config import FOLLOW_METHODS, FOLLOW_METHODS_TEXT
from offline.following.feature_names import FEATURES, NETWORK_ENDING
from offline.following.feature_names import WORDS as FEATURES_TEXT

__all__ = [
    "DETECT",
    "DEVICE",
    "FOLLOW",
    "INPUT",
    "OUTPUT",
    "SEPARATE",
    "SettingsCommand",
    "Shown",
    "argument",
    "command",
    "command_options",
    "csv_file",
    "data_folder",
    "features_option",
    "licence",
    "method_option",
    "network_file",
    "of_group",
    "option",
    "output",
    "picture",
    "random_seed",
    "settings_from",
    "spread",
    "write_as_is",
]

T = TypeVar("T")
SHOWN = "shown"
INPUT, FOLLOW, SEPARATE, DETECT = "Input", "Follow", "Separate", "Detect"  # groups of options in --help
OUTPUT, DEVICE = "Output", "Device"
ENDLESS = 1e5  # an upper bound that only guards against nonsense is not shown
LIST_PARTS = "--list-parts"
METAVARS = {int: "N", float: "X", Path: "PATH", str: "TEXT"}


@dataclass(frozen=True, slots=True)
class Shown:
    """How a field stands on the command line, where its name and type do not say.

    group: heading in --help
    metavar: what stands for the value in --help
    short: a further name of one letter, such as -n
    bare: value of the option where nothing follows it; None: a value must follow
    several: whether more values may follow one name, although the command has arguments too
    argument: whether the field is an argument, not an option
    names: returns the names that the shell completes besides files; it may import what --help must not
    named: the option's name, where that cannot be a field's, without --
    writes: what is written there, WRITES_FILE, WRITES_FOLDER or, where only the action knows, WRITES_EITHER
    """

    group: str = ""
    metavar: str = ""
    short: str = ""
    bare: str | None = None
    several: bool = False
    argument: bool = False
    names: Callable[[], Collection[str]] = tuple
    named: str = ""
    writes: str = ""


def option(declared: Any, **shown: Any) -> Any:
    """Add what --help shows, the fields of `Shown`, to a field declared by `plain`, `ranged` or `choice`."""
    metadata = {**declared.metadata, SHOWN: Shown(**shown)}
    if declared.default_factory is not MISSING:
        return field(default_factory=declared.default_factory, metadata=metadata)
    return field(default=declared.default, metadata=metadata)


def argument(metavar: str, text: str, default: Any = MISSING) -> Any:
    """Declare a field that is typed without a name; with a default it may be left out."""
    return option(plain(default, text), metavar=metavar, argument=True)


# What several commands share


def output(metavar: str, text: str, default: Any = MISSING) -> Any:
    """-o, --output: the file or folder to write."""
    writes = WRITES_FOLDER if metavar in ("DIR", "FOLDER") else "" if "device" in metavar else WRITES_FILE
    return option(plain(default, text), metavar=metavar, group=OUTPUT, writes=writes)


def csv_file() -> Any:
    """--csv: a table as a file too."""
    return option(plain(None, "also write the table to this file"), metavar="FILE", group=OUTPUT, writes=WRITES_FILE)


def picture(text: str) -> Any:
    """--plot: a picture."""
    return option(plain(None, text), metavar="PNG", group=OUTPUT, writes=WRITES_FILE)


def features_option() -> Any:
    """--features: what the follower compares."""
    declared = choice(FEATURES[0], FEATURES, FEATURES_TEXT, ending=NETWORK_ENDING)
    return option(declared, metavar="NAME|FILE.onnx", group=FOLLOW)


def method_option() -> Any:
    """--follow: how a score is followed."""
    return option(choice(FOLLOW_METHODS[0], FOLLOW_METHODS, FOLLOW_METHODS_TEXT), metavar="HOW", group=FOLLOW)


def random_seed(default: int = 0, text: str = "the same seed gives the same result") -> Any:
    """--seed."""
    return ranged(default, 0, 2**32 - 1, text)


def licence(text: str = "licence of the weights, for their card", default: Any = MISSING) -> Any:
    """--licence."""
    return option(plain(default, text), metavar="TEXT")


def data_folder(text: str, default: Any = None) -> Any:
    """--data: a folder of music or sounds."""
    return option(plain(default, text), metavar="DIR", group=INPUT)


# From settings to options


@dataclass(frozen=True, slots=True)
class Kind:
    """The type of a field: of each value, how many (-1: any number; 0: a flag), and what may be chosen."""

    base: type[Any]
    n: int = 1
    choices: tuple[Any, ...] = ()


def command_options(kind: type[Any], arguments: Mapping[str, str] | None = None) -> list[click.Parameter]:
    """The click options and arguments of a settings class, those of nested settings among them.

    arguments: metavars of fields that are to be arguments, where the class does not say so itself
    """
    named = arguments or {}
    return [
        _argument(each, named.get(each.name) or each.shown.metavar)
        if each.name in named or each.shown.argument
        else _option(each)
        for each in _declared(kind)
    ]


def settings_from(kind: type[T], values: Mapping[str, Any], start: T | None = None) -> T:
    """The settings of what was typed; what was not typed is as in `start`. ConfigError where they disagree.

    A `preset` that was typed stands for the values of `kind.PRESETS` that were not.
    """
    hints, values = get_type_hints(kind), _with_preset(kind, values)
    given: dict[str, Any] = {}
    for each in fields(kind):  # type: ignore[arg-type]
        if (nested := _nested(hints[each.name])) is not None:
            given[each.name] = settings_from(nested, values, _nested_default(each, start))
        elif (value := values.get(each.name)) not in (None, ()):
            given[each.name] = value
    return kind(**given) if start is None else replace(start, **given)  # type: ignore[type-var]


def _with_preset(kind: type[Any], values: Mapping[str, Any]) -> Mapping[str, Any]:
    presets: Mapping[str, Mapping[str, Any]] = getattr(kind, "PRESETS", {})
    preset = presets.get(str(values.get("preset")), {})
    return {**values, **{name: value for name, value in preset.items() if values.get(name) in (None, ())}}


def _nested_default(declared: Any, start: Any) -> Any:
    """The nested settings where nothing is typed."""
    if start is not None:
        return getattr(start, declared.name)
    return None if declared.default_factory is MISSING else declared.default_factory()


def of_group(settings: Any, *groups: str) -> dict[str, Any]:
    """The values of the options under these headings in --help, by name."""
    return {each.name: each.default for each in _declared(type(settings), settings) if each.shown.group in groups}


@dataclass(frozen=True, slots=True)
class Typed:
    """A field as it is typed: its name, declaration, type, looks, and value where nothing is typed (or MISSING)."""

    name: str
    setting: Setting
    kind: Kind
    shown: Shown
    default: Any


def _declared(kind: type[Any], start: Any = None, group: str = "") -> Iterator[Typed]:
    """Each declared field; those of nested settings in their place. start: settings that give the defaults."""
    hints = get_type_hints(kind)
    for each in fields(kind):
        if SETTING not in each.metadata:
            continue
        setting = each.metadata[SETTING]
        if (nested := _nested(hints[each.name])) is not None:
            yield from _declared(nested, _nested_default(each, start), setting.text[:1].upper() + setting.text[1:])
        else:
            shown = each.metadata.get(SHOWN) or _undeclared(each.name, group)
            default = _default_of(each) if start is None else getattr(start, each.name)
            yield Typed(each.name, setting, _kind(hints[each.name], setting), shown, default)


def _undeclared(name: str, group: str) -> Shown:
    """How a field of settings that know no command line stands on it."""
    if name == "output":
        return Shown(group=OUTPUT, several=True, writes=WRITES_EITHER)
    return Shown(group=group, several=True)


def _default_of(declared: Any) -> Any:
    return declared.default if declared.default_factory is MISSING else declared.default_factory()


def _nested(hint: Any) -> type[Any] | None:
    hint = _required(hint)
    return hint if isinstance(hint, type) and is_dataclass(hint) else None


def _required(hint: Any) -> Any:
    """`X` of `X | None`."""
    if get_origin(hint) in (Union, types.UnionType):
        rest = [each for each in get_args(hint) if each is not type(None)]
        return rest[0]
    return hint


def _kind(hint: Any, setting: Setting) -> Kind:
    hint = _required(hint)
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return Kind(type(inner[0]), choices=inner)
    if origin in (tuple, list, Sequence):
        endless = origin is not tuple or inner[-1] is Ellipsis
        each = _kind(inner[0], setting)
        return Kind(each.base, -1 if endless else len(inner), each.choices)
    if hint is bool:
        return Kind(bool, 0)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Kind(hint, choices=setting.choices or tuple(hint))
    return Kind(hint if hint in METAVARS else str, choices=setting.choices)


def _argument(typed: Typed, metavar: str) -> click.Parameter:
    return click.RichArgument(
        [typed.name],
        nargs=-1 if typed.kind.n < 0 else typed.kind.n,
        required=typed.default is MISSING,
        type=Value(metavar, typed.setting, typed.kind),
        metavar=metavar,
        help=typed.setting.text,
    )


def _option(typed: Typed) -> click.Parameter:
    kind, shown = typed.kind, typed.shown
    name = f"--{shown.named or typed.name.replace('_', '-')}"
    common: dict[str, Any] = {"help": _help(typed), **({"panel": shown.group} if shown.group else {})}
    if kind.n == 0:
        return click.RichOption(
            [f"{name}/--no-{name[2:]}" if typed.default is True else name], is_flag=True, default=None, **common
        )
    short = shown.short or ("-o" if typed.name == "output" else "")
    bare: dict[str, Any] = {} if shown.bare is None else {"is_flag": False, "flag_value": shown.bare}
    return click.RichOption(
        [typed.name, *filter(None, (short, name))],
        type=Value(name, typed.setting, kind, shown.names),
        required=typed.default is MISSING,
        metavar=_metavar(typed),
        multiple=kind.n < 0,
        nargs=max(kind.n, 1),
        **bare,
        **common,
    )


def _metavar(typed: Typed) -> str:
    kind, shown = typed.kind, typed.shown
    known = kind.choices and len(kind.choices) <= 4
    text = "|".join(map(_shown_value, kind.choices)) if known else typed.setting.unit or METAVARS.get(kind.base, "NAME")
    text = shown.metavar or (text if known else text.upper())
    if kind.n < 0 and not shown.metavar:
        text += "..."
    return f"[{text}]" if shown.bare is not None else text


def _help(typed: Typed) -> str:
    """Text, range and default, for --help."""
    facts, setting, kind = [], typed.setting, typed.kind
    if len(kind.choices) > 4:
        facts.append("one of " + ", ".join(map(_shown_value, kind.choices)))
    if setting.low is not None and setting.high is not None and not kind.choices:
        facts.append(_range_text(setting.low, setting.high))
    if (default := _default_text(typed)) and "(default" not in setting.text:
        facts.append(f"default {default}")
    facts = [fact for fact in facts if fact]
    if facts and "(default" in setting.text and setting.text.endswith(")"):
        return f"{setting.text[:-1]}; {', '.join(facts)})"
    return f"{setting.text} ({', '.join(facts)})" if facts else setting.text


def _range_text(low: float, high: float) -> str:
    if high < ENDLESS:
        return f"{low:g} to {high:g}"
    return f"{low:g} or more" if low else ""


def _default_text(typed: Typed) -> str:
    value = typed.default
    if value is MISSING or value is None or typed.kind.n == 0:
        return ""
    return " ".join(map(_shown_value, value)) if isinstance(value, tuple | list) else _shown_value(value)


def _shown_value(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    return f"{value:g}" if isinstance(value, float) else str(value)


class Value(click.ParamType):
    """Reads one value of a field and checks it by its declaration; errors name the option."""

    def __init__(self, name: str, setting: Setting, kind: Kind, names: Callable[[], Collection[str]] = tuple) -> None:
        self.name, self.setting, self.kind, self.names = name, setting, kind, names

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The text as the field's type; ConfigError where it is not one, or out of range."""
        if not isinstance(value, str):
            return value
        if self.kind.choices and not names_file(value, self.setting.ending):
            known = {_shown_value(each): each for each in self.kind.choices}
            require_one_of(self.name, value, known)
            return known[value]
        return self._number(value) if self.kind.base in (int, float) else self.kind.base(value)

    def _number(self, text: str) -> int | float:
        try:
            number: int | float = self.kind.base(text)
        except ValueError:
            what = "a whole number" if self.kind.base is int else "a number"
            raise ConfigError(self.name, expected=what, got=repr(text)) from None
        if not math.isfinite(number):
            raise ConfigError(self.name, expected="a finite number", got=repr(text))
        if self.setting.low is not None and self.setting.high is not None:
            check_range: Callable[[str, Any, Any, Any], None] = require_odd if self.setting.odd else require
            check_range(self.name, number, self.setting.low, self.setting.high)
        return number

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        """The choices or known names that begin so; without choices the shell's own file names too."""
        names = list(map(_shown_value, self.kind.choices)) or self.names()
        items = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        if self.kind.base in (Path, str) and (self.setting.ending or not self.kind.choices):
            items.append(CompletionItem(incomplete, type="file"))
        return items


# Names


def network_file(option_name: str, text: str, known: Sequence[str]) -> str | Path:
    """A known name as it is, or the path of a network's file; ConfigError for what is neither."""
    if text in known:
        return text
    path = Path(text)
    if path.suffix == ".onnx" or path.is_file():
        return path
    names = ", ".join(known)
    remedy = nearest(text, known) or f"NAME is one of {names}"
    raise ConfigError(option_name, expected=f"FILE.onnx or one of {names}", got=repr(text), remedy=remedy)


# Commands


class SettingsCommand(click.RichCommand):
    """A command whose options are a settings class; the action takes the settings and returns the exit status.

    examples: shown below the options as they are written.
    """

    def __init__(
        self,
        kind: type[Any],
        action: Callable[[Any], int],
        examples: str,
        arguments: Mapping[str, str] | None = None,
    ) -> None:
        self.kind, self.action = kind, action
        super().__init__(name=None, params=command_options(kind, arguments), callback=self._act, epilog=examples)

    def _act(self, **values: Any) -> int:
        try:
            if values.get("list_parts"):
                return importlib.import_module("cli.score_options").print_parts(values.get("score"))
            settings = settings_from(self.kind, values)
            require_places((each.shown.writes, each.default) for each in _declared(self.kind, settings))
            return self.action(settings)
        except BrokenPipeError:  # before click sees it, which would end with another status
            return leave_quietly()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let several values follow one name, as in --classes dog cat; --list-parts needs a score alone."""
        ctx.resilient_parsing |= LIST_PARTS in args and any(LIST_PARTS in each.opts for each in self.params)
        return super().parse_args(ctx, spread(args, self._several()))

    def _several(self) -> set[str]:
        alone = not any(isinstance(each, click.Argument) for each in self.params)
        return {
            name
            for each in self.params
            if isinstance(each, click.Option) and each.multiple and (alone or _says_several(self.kind, each.name))
            for name in each.opts
        }

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples line by line."""
        write_as_is(self.epilog, formatter)


def _says_several(kind: type[Any], name: str | None) -> bool:
    return any(each.name == name and each.shown.several for each in _declared(kind))


def write_as_is(text: str | None, formatter: Any) -> None:
    """Lines of examples, longer than the terminal too, so that they can be copied."""
    if text:
        formatter.console.print(text.rstrip(), soft_wrap=True, markup=False, highlight=False)


def spread(args: Sequence[str], names: Collection[str]) -> list[str]:
    """Write the name of an option that takes several values before each of them."""
    out: list[str] = []
    current = ""
    for i, text in enumerate(args):
        if text.startswith("-") and text != "-":
            current = text if text in names else ""
        elif current and args[i - 1] != current:
            out.append(current)
        out.append(text)
    return out


def command(kind: type[Any], examples: str = "") -> Callable[[Callable[[Any], int]], SettingsCommand]:
    """Make a command of an action that takes settings of this class."""
    return lambda action: SettingsCommand(kind, action, examples)
