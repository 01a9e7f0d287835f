"""`collaparte separate`: files to folders of stems."""

from __future__ import annotations

import argparse
from dataclasses import replace

from cli.stopping import INTERRUPTED, USER_ERROR, stoppable
from engine.core.errors import ConfigError
from engine.pipeline.pipeline import PipelineConfig
from engine.separation.hpss import TUNED, HpssConfig
from offline.batch.separate import Separate, by_stream, by_whole_file, separate_files
from offline.separation.presets import require_network, unmix_config

__all__ = ["command"]

NETWORKS = ("unmix", "umx", "xumx")
OF_HPSS = ("published", "look_ahead", "residual")
OF_NETWORKS = ("weights", "wiener")


def command(args: argparse.Namespace) -> int:
    """Separate every file."""
    method = _method(args)
    with stoppable() as stop:
        failed = separate_files(args.files, args.output, method, stop=stop)
        return INTERRUPTED if stop.is_set() else USER_ERROR if failed else 0


def _method(args: argparse.Namespace) -> Separate:
    """What separates, once the options are known to go together."""
    network = args.model in NETWORKS
    for name in OF_HPSS if network else OF_NETWORKS:
        if getattr(args, name):
            wanted = "--model hpss or kam" if network else "--model unmix, umx or xumx"
            raise ConfigError(f"--{name.replace('_', '-')}", expected=wanted, got=args.model)
    if network:
        config = unmix_config(args.weights, wiener=args.wiener)
        if args.model != "unmix":
            require_network(config, cross=args.model == "xumx")
        return by_stream(PipelineConfig(separate=config))
    if args.model == "kam" and args.look_ahead is not None:
        raise ConfigError("--look-ahead", expected="--model hpss", got="kam, which sees the whole file")
    settings = _config(args)
    return by_whole_file(settings) if args.model == "kam" else by_stream(PipelineConfig(separate=settings))


def _config(args: argparse.Namespace) -> HpssConfig:
    config = replace(HpssConfig() if args.published else TUNED, iterations=args.iterations)
    if args.look_ahead is not None:
        config = replace(config, look_ahead=args.look_ahead)
    if args.residual is not None:
        config = replace(config, residual=True, margin=args.residual)
    return config
