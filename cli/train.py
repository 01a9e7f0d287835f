"""`collaparte train`: hands over to the trainer, or makes the settings of a training job from what was typed."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any, get_args, get_type_hints

from cli.options.train import TRAINERS
from engine.core.config import SETTING, Settings
from offline.training.tasks import BLEND, TRAININGS, TrainingJob

__all__ = ["command"]

SEPARATION = TRAININGS["separation"]
JOBS = {
    "unmix": SEPARATION.train,
    "unmix-export": SEPARATION.export,
    "unmix-table": SEPARATION.table,
    "unmix-blend": BLEND,
}


def command(args: argparse.Namespace) -> int:
    """Run the trainer with its own options."""
    if (job := JOBS.get(args.what)) is not None:
        print(job.run(_settings(job, args.what, args.options)))
        return 0
    module = importlib.import_module(f"offline.training.{TRAINERS[args.what]}")
    sys.argv[0] = f"collaparte train {args.what}"  # what its help calls it
    return int(module.main(args.options) or 0)


def _settings(job: TrainingJob, name: str, typed: list[str]) -> Settings:
    parser = argparse.ArgumentParser(prog=f"collaparte train {name}", description=job.text)
    for each, hint, required in _options(job.config):
        kinds = [kind for kind in (get_args(hint) or (hint,)) if kind not in (type(None), Ellipsis)]
        how: dict[str, Any] = {"action": argparse.BooleanOptionalAction} if hint is bool else {"type": kinds[0]}
        how |= {"nargs": "+"} if str(hint).startswith("tuple") else {}
        flags = [f"--{each.name.replace('_', '-')}", *(["-o"] if each.name == "output" else [])]
        parser.add_argument(*flags, help=each.metadata[SETTING].text.replace("%", "%%"), required=required, **how)
    return _build(job.config, vars(parser.parse_args(typed)))


def _options(kind: type[Any]) -> Iterator[tuple[Any, Any, bool]]:
    hints = get_type_hints(kind)
    for each in fields(kind):
        if is_dataclass(hints[each.name]):
            yield from _options(hints[each.name])
        else:
            yield each, hints[each.name], each.default is MISSING and each.default_factory is MISSING


def _build(kind: type[Any], typed: Mapping[str, Any], start: Any = None) -> Any:
    given, hints = {}, get_type_hints(kind)
    for each in fields(kind):
        if is_dataclass(hints[each.name]):
            given[each.name] = _build(hints[each.name], typed, each.default_factory())  # type: ignore[misc]
        elif typed[each.name] is not None:
            value = typed[each.name]
            given[each.name] = tuple(value) if isinstance(value, list) else value
    return kind(**given) if start is None else replace(start, **given)
