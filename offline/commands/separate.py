"""`collaparte separate`: files to folders of stems."""

from __future__ import annotations

import argparse
import threading

from engine.dsp.hpss import HpssConfig
from engine.pipelines import PipelineConfig
from offline.batch import separate_files

__all__ = ["separate"]


def separate(args: argparse.Namespace, stop: threading.Event) -> int:
    """Separate every file; return how many failed."""
    config = PipelineConfig(separate=HpssConfig(look_ahead=args.look_ahead, iterations=args.iterations))
    return separate_files(args.files, args.output, lambda audio: config, stop=stop)
