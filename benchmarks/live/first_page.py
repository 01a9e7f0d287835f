"""Processor time until the first page of a score is on the screen: of the command and of the process that engraves."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import psutil
import soundfile

from tests.cli.live.staged import staged
from tests.engine.stage.page.browser import TABLET, chromium

__all__ = ["FirstPage", "first_page"]

PATIENCE_S = 600.0
RATE = 44_100


class FirstPage(NamedTuple):
    """What was measured.

    cpu_s: processor time of the command and its children, the browser's apart, seconds
    wall_s: from the start of the command, seconds
    pages: how many there are on a tablet
    """

    cpu_s: float
    wall_s: float
    pages: int


def first_page(score: Path) -> FirstPage:
    """Measure it, with nothing kept from an earlier time."""
    with tempfile.TemporaryDirectory() as folder:
        silence = Path(folder) / "silence.wav"
        soundfile.write(silence, np.zeros(RATE), RATE)
        with chromium() as browser, patch.dict(os.environ, XDG_CACHE_HOME=folder):  # where engraved pages are kept
            begun_s = time.monotonic()
            with staged(score, "--input", silence, "--begin", "button") as stage:
                browser.open(stage.base, TABLET)
                shown = "document.querySelector('.page.shown') && !document.querySelector('.sheet.coming')"
                browser.until(shown, patience_s=PATIENCE_S)
                cpu_s, wall_s = _spent(stage.process.pid), time.monotonic() - begun_s
                return FirstPage(cpu_s, wall_s, int(browser.js("stage.score.layout.bundle.n_pages")))


def _spent(pid: int) -> float:
    """Return the processor time of a process and its children, those that have ended too."""
    main = psutil.Process(pid)
    each = [main.cpu_times(), *(child.cpu_times() for child in main.children(recursive=True))]
    return float(sum(spent.user + spent.system for spent in each) + each[0].children_user + each[0].children_system)
