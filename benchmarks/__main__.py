"""All figures in one run, written to benchmarks/RESULTS.md.

python -m benchmarks [--seconds 60] [--only dsp pipeline following hard alignment separation sounds batch generators
    accompaniment beat cues finding stage realtime]
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import os
import platform
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from benchmarks import (
    accompaniment,
    alignment,
    batch,
    beat,
    cues,
    dsp,
    finding,
    generators,
    hard,
    pipeline,
    quality,
    realtime,
    sounds,
    stage,
    stretch,
    unmix,
)
from benchmarks.rows import Row

PAGE = Path(__file__).with_name("RESULTS.md")
PACKAGES = ("numpy", "numba", "rocket-fft", "scipy", "librosa", "bottleneck", "dtaidistance")
HEADER = "| what | ours | peer, in the same run | ratio | agreement |\n|---|---|---|---|---|\n"

Rows = Callable[[argparse.Namespace], Iterable[Row]]
SECTIONS: Mapping[str, tuple[str, Rows]] = {
    "dsp": ("Kernels and separation: CPU time", lambda options: dsp.rows()),
    "pipeline": ("The whole pipeline", lambda options: pipeline.rows()),
    "following": ("How well it follows", lambda options: quality.following()),
    "hard": ("How well it follows what people bring", lambda options: hard.rows()),
    "alignment": ("Alignment of whole files", lambda options: alignment.rows()),
    "separation": ("How well it separates", lambda options: quality.separation()),
    "unmix": ("Separation by networks", lambda options: unmix.rows()),
    "stretch": ("A recording at another pace", lambda options: stretch.rows()),
    "sounds": ("Sound events, live", lambda options: sounds.rows()),
    "batch": ("Batches of files", lambda options: batch.rows()),
    "generators": ("Generated music", lambda options: generators.rows(options.seconds)),
    "accompaniment": ("Accompaniment, live", lambda options: accompaniment.rows(options.seconds)),
    "beat": ("The beat for other programs", lambda options: beat.rows()),
    "cues": ("Cues that act with the performer", lambda options: cues.rows()),
    "finding": ("Which piece of a folder is played", lambda options: finding.rows()),
    "stage": ("The page on the stage", lambda options: stage.rows(options.seconds)),
    "realtime": ("In real time, on a JACK server", lambda options: realtime.rows(options.seconds, options.periods)),
}


def main() -> None:
    """Measure section after section; the page is written anew after each, so that a long run shows what it has."""
    options = _options(SECTIONS)
    kept = _sections(PAGE.read_text(encoding="utf-8")) if options.only and PAGE.exists() else {}
    for name in options.only or SECTIONS:
        title, rows = SECTIONS[name]
        print(f"{title} ...", flush=True)
        kept[title] = f"## {title}\n\n{_table(rows(options))}"
        titles = [title for title, _ in SECTIONS.values() if title in kept]
        PAGE.write_text("\n".join([_preface(), *(kept[title] for title in titles)]), encoding="utf-8")
    print(f"Written: {PAGE}")


def _sections(page: str) -> dict[str, str]:
    """What a page has under each title."""
    parts = re.split(r"^(?=## )", page, flags=re.MULTILINE)[1:]
    return {part.split("\n", 1)[0].removeprefix("## "): part.rstrip("\n") + "\n" for part in parts}


def _options(names: Iterable[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(names), help="measure some sections again; the others stay")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run under load (default 60)")
    parser.add_argument("--periods", type=int, nargs="+", default=[512, 1024], help="of the JACK server, samples")
    return parser.parse_args()


def _preface() -> str:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return (
        "# Measured\n\n"
        "Written by `make bench`. Every ratio is between two things measured in the same run on the same machine; "
        "times are CPU times of one thread, the median of repeats, unless a row says otherwise.\n\n"
        f"{datetime.date.today()}, {_processor()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}.\n"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _table(rows: Iterable[Row]) -> str:
    return HEADER + "".join(_lines(rows))


def _lines(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        print(f"  {row.what}: {row.ours} | {row.peer} | {row.ratio} | {row.agreement}", flush=True)
        yield f"| {row.what} | {row.ours} | {row.peer} | {row.ratio} | {row.agreement} |\n"


if __name__ == "__main__":
    main()
