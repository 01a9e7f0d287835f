"""A cue list as a TOML file: read strictly; every error is one line that names the file and the line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from engine.core.config import from_mapping, nearest, require
from engine.core.errors import ConfigError, EngineError
from engine.score.score import Score
from engine.stage.cues.actions import ACTIONS, Action, CueSound, SoundAction
from engine.stage.cues.config import CueTiming
from engine.stage.cues.places import CuePlace, PlaceError, parse_place, place_quarters

__all__ = ["CueEntry", "CueList", "PlannedCue", "read_cues"]

MOST_BYTES = 1_000_000
MOST_CUES = 10_000  # as played
LONGEST_LEAD_S = 600.0
TABLES = ("cue", "actions", "timing")
KEYS = ("name", "at", "pass", "lead_s", "does", "make_up", "again", "at_once")
FLAGS = ("make_up", "again", "at_once")
EVERY = "every"


@dataclass(frozen=True, slots=True, kw_only=True)
class CueEntry:
    """A cue as it is written.

    name: unique in the list
    passes: how many-th time its place is played; None for every time
    lead_s: how long before its place it acts, seconds
    make_up: whether it acts later where its place has been passed over
    again: whether it acts again where the player has gone back before it
    at_once: whether it does not wait until the place is confirmed
    line: of the file
    """

    name: str
    at: CuePlace
    does: tuple[Action, ...]
    passes: int | None = None
    lead_s: float = 0.0
    make_up: bool = False
    again: bool = False
    at_once: bool = False
    line: int = 0


class PlannedCue(NamedTuple):
    """A cue at one place of the score as played.

    entry: which of the list
    pass_number: how many-th time its place is played, from 1
    """

    entry: int
    name: str
    quarter: float
    pass_number: int
    lead_s: float = 0.0
    make_up: bool = False
    again: bool = False
    at_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CueList:
    """Cues in the order of the file."""

    where: str
    entries: tuple[CueEntry, ...]
    timing: CueTiming = field(default_factory=CueTiming)

    def planned(self, score: Score) -> list[PlannedCue]:
        """Return the cues as played, in the order of the score; ConfigError for a place that it has not."""
        rows = [row for number, entry in enumerate(self.entries) for row in self._planned(number, entry, score)]
        if len(rows) > MOST_CUES:
            raise ConfigError(self.where, expected=f"at most {MOST_CUES} cues as played", got=str(len(rows)))
        return sorted(rows, key=lambda row: row.quarter)

    @property
    def sounds(self) -> dict[str, tuple[CueSound, ...]]:
        """Return the sound files of each cue that has some, by its name."""
        found = {
            entry.name: tuple(CueSound(act.sound, act.gain_db) for act in entry.does if isinstance(act, SoundAction))
            for entry in self.entries
        }
        return {name: sounds for name, sounds in found.items() if sounds}

    def _planned(self, number: int, entry: CueEntry, score: Score) -> list[PlannedCue]:
        try:
            quarters = place_quarters(entry.at, score)
        except PlaceError as error:
            raise ConfigError(self._at(entry), expected=error.expected, got=error.got) from error
        if entry.passes is not None and entry.passes > len(quarters):
            expected = f"a pass from 1 to {len(quarters)}"
            raise ConfigError(self._at(entry), expected=expected, got=f"pass {entry.passes}")
        return [
            PlannedCue(number, entry.name, quarter, n, entry.lead_s, entry.make_up, entry.again, entry.at_once)
            for n, quarter in enumerate(quarters, 1)
            if entry.passes in (None, n)
        ]

    def _at(self, entry: CueEntry) -> str:
        return f"{self.where}, line {entry.line}, cue {entry.name}"


def read_cues(path: str | Path) -> CueList:
    """Read a cue list; ConfigError, in one line, for anything that it should not hold."""
    return _Reader(Path(path)).read()


class _Reader:
    """What one file holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = self._text()
        self.lines = self.text.splitlines()

    def _text(self) -> str:
        try:
            data = self.path.read_bytes()
            if len(data) > MOST_BYTES:
                raise ConfigError(str(self.path), expected=f"at most {MOST_BYTES} bytes", got=str(len(data)))
            return data.decode()
        except OSError as error:
            raise ConfigError(str(self.path), expected="a cue list", got=str(error.strerror)) from error
        except UnicodeDecodeError as error:
            raise ConfigError(str(self.path), expected="text in UTF-8", got="other bytes") from error

    def read(self) -> CueList:
        """Read the whole file."""
        table = self._table()
        for name in table:
            if name not in TABLES:
                self._fail(
                    self._line(name), "one of [[cue]], [actions] and [timing]", repr(name), nearest(name, TABLES)
                )
        cues = table.get("cue", [])
        if not isinstance(cues, list) or not cues or not all(isinstance(each, dict) for each in cues):
            self._fail(self._line("cue"), "tables [[cue]], at least one", "none", "each cue begins with [[cue]]")
        named = self._named_actions(table.get("actions", {}))
        starts = [n for n, line in enumerate(self.lines, 1) if re.match(r"\s*\[\[\s*cue\s*\]\]", line)]
        starts += [1] * (len(cues) - len(starts))  # cues written as an inline array have no line of their own
        entries = [self._entry(n, cue, line, named) for n, (cue, line) in enumerate(zip(cues, starts, strict=False), 1)]
        self._require_unique(entries)
        return CueList(where=str(self.path), entries=tuple(entries), timing=self._timing(table.get("timing", {})))

    def _table(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            said = str(error)
            place = re.search(r"\(at line (\d+), column (\d+)\)", said)
            where = f"{self.path}, line {place[1]}" if place else str(self.path)
            raise ConfigError(where, expected="TOML", got=re.sub(r" \(at .*\)", "", said)) from error

    def _fail(self, line: int, expected: str, got: str, remedy: str = "", cause: Exception | None = None) -> NoReturn:
        raise ConfigError(f"{self.path}, line {line}", expected=expected, got=got, remedy=remedy) from cause

    def _line(self, key: str, start: int = 1) -> int:
        """Return the line of a key or table, the first from `start` on, and `start` where it is not found."""
        pattern = re.compile(rf"\s*(?:\[+\s*{re.escape(key)}\b|[\"']?{re.escape(key)}[\"']?\s*=)")
        return next((n for n, line in enumerate(self.lines[start - 1 :], start) if pattern.match(line)), start)

    def _timing(self, values: object) -> CueTiming:
        line = self._line("timing")
        if not isinstance(values, dict):
            self._fail(line, "a table [timing]", repr(values))
        return self._made(CueTiming, values, line)

    def _named_actions(self, values: object) -> dict[str, tuple[Action, ...]]:
        if not isinstance(values, dict):
            self._fail(self._line("actions"), "a table [actions]", repr(values))
        return {name: self._actions(does, self._line(name), {}) for name, does in values.items()}

    def _entry(self, number: int, cue: dict[str, Any], start: int, named: Mapping[str, Any]) -> CueEntry:
        for key in cue:
            if key not in KEYS:
                self._fail(self._line(key, start), "one of " + ", ".join(KEYS), repr(key), nearest(key, KEYS))
        for key in ("at", "does"):
            if key not in cue:
                self._fail(start, f"`{key}` in every cue", "none")
        for key in FLAGS:
            if not isinstance(cue.get(key, False), bool):
                self._fail(self._line(key, start), f"{key} = true or false", repr(cue[key]))
        name = cue.get("name", f"cue {number}")
        if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > 80:
            self._fail(self._line("name", start), "a name of 1 to 80 letters", repr(name))
        return CueEntry(
            name=name,
            at=self._place(cue["at"], self._line("at", start)),
            does=self._actions(cue["does"], self._line("does", start), named),
            passes=self._passes(cue, start),
            lead_s=self._lead(cue.get("lead_s", 0.0), self._line("lead_s", start)),
            line=start,
            **{key: cue.get(key, False) for key in FLAGS},
        )

    def _place(self, value: object, line: int) -> CuePlace:
        try:
            return parse_place(value)
        except PlaceError as error:
            self._fail(line, error.expected, error.got, cause=error)

    def _passes(self, cue: dict[str, Any], start: int) -> int | None:
        value, line = cue.get("pass", EVERY), self._line("pass", start)
        if value == EVERY:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            self._fail(line, 'pass = 1, 2, ... or "every"', repr(value))
        return value

    def _lead(self, value: Any, line: int) -> float:
        try:
            require("lead_s", value, 0, LONGEST_LEAD_S)
        except ConfigError as error:
            self._fail(line, error.expected, error.got, cause=error)
        return float(value)

    def _actions(self, does: object, line: int, named: Mapping[str, Sequence[Action]]) -> tuple[Action, ...]:
        """Read what a cue does: a table or the name of an action, or a list of them."""
        each = does if isinstance(does, list) else [does]
        if not each:
            self._fail(line, "something to do", "nothing")
        return tuple(action for one in each for action in self._one(one, line, named))

    def _one(self, one: object, line: int, named: Mapping[str, Sequence[Action]]) -> Sequence[Action]:
        if isinstance(one, str):
            if one not in named:
                known = ", ".join(named) or "none is there"
                self._fail(line, f"an action of the table [actions] ({known})", repr(one), nearest(one, list(named)))
            return named[one]
        if not isinstance(one, dict):
            self._fail(line, 'a table such as { osc = "127.0.0.1:53000", address = "/go" }', repr(one))
        kinds = [name for name in ACTIONS if name in one]
        if len(kinds) != 1:
            self._fail(line, "one of " + ", ".join(ACTIONS) + " in each action", ", ".join(kinds) or ", ".join(one))
        action: Action = self._made(ACTIONS[kinds[0]], one, line)
        return (self._beside(action),)

    def _beside(self, action: Action) -> Action:
        """Return an action whose file is found from the folder of the cue list."""
        if isinstance(action, SoundAction):
            return replace(action, sound=self.path.parent / action.sound)
        return action

    def _made(self, kind: type[Any], values: dict[str, Any], line: int) -> Any:
        missing = [each.name for each in fields(kind) if each.name not in values and _required(each)]
        if missing:
            self._fail(line, " and ".join(missing) + " beside " + next(iter(values), "nothing"), "none")
        try:
            return from_mapping(kind, {name: _frozen(value) for name, value in values.items()})
        except EngineError as error:
            expected = f"{error.where.rpartition('.')[2]}: {error.expected}"
            self._fail(line, expected, error.got, error.remedy, cause=error)

    def _require_unique(self, entries: Sequence[CueEntry]) -> None:
        seen: dict[str, int] = {}
        for entry in entries:
            if entry.name in seen:
                self._fail(entry.line, "a name that no other cue has", f"{entry.name!r} as in line {seen[entry.name]}")
            seen[entry.name] = entry.line


def _required(one: Any) -> bool:
    return one.default is one.default_factory  # both MISSING


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
