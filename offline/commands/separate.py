"""`collaparte separate`: files to folders of stems."""

from __future__ import annotations

import argparse
from dataclasses import replace

from engine.dsp.hpss import TUNED, HpssConfig
from engine.errors import ConfigError
from engine.pipelines import PipelineConfig
from offline.batch import by_stream, by_whole_file, separate_files
from offline.stopping import INTERRUPTED, USER_ERROR, stoppable

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Separate every file."""
    if args.model == "kam" and args.look_ahead is not None:
        raise ConfigError("--look-ahead", expected="--model hpss", got="kam, which sees the whole file")
    config = _config(args)
    method = by_whole_file(config) if args.model == "kam" else by_stream(PipelineConfig(separate=config))
    with stoppable() as stop:
        failed = separate_files(args.files, args.output, method, stop=stop)
        return INTERRUPTED if stop.is_set() else USER_ERROR if failed else 0


def _config(args: argparse.Namespace) -> HpssConfig:
    config = replace(HpssConfig() if args.published else TUNED, iterations=args.iterations)
    if args.look_ahead is not None:
        config = replace(config, look_ahead=args.look_ahead)
    if args.residual is not None:
        config = replace(config, residual=True, margin=args.residual)
    return config
