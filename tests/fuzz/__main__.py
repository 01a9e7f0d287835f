"""Fuzz every importer, each in a process of its own that is bounded in time and memory: `make fuzz`.

`python -m tests.fuzz [--seconds S] [TARGET...]` prints what it found; a file that an importer fails on is kept in
fuzz/TARGET. The exit status is 1 if there is any.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from hashlib import sha256
from pathlib import Path
from random import Random
from types import FrameType

from hypothesis import HealthCheck, settings

from tests.fuzz.check import fuzz_test
from tests.fuzz.targets import TARGETS
from tests.places import ROOT

MEMORY_BYTES = 6 << 30  # address space: torch and onnxruntime alone map three
SLOW_S = 20  # for one file
MAX_BUFFER = 4096  # bytes of choices for hypothesis
KEPT = ROOT / "fuzz"


class TooSlow(Exception):
    """A file that takes longer than SLOW_S."""


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlow


def fuzz(name: str, seconds: float, seed: int) -> int:
    """Fuzz one target; return how many kinds of failures there are."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders in C complain of every file
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGALRM, _too_slow)
    target, dice, seen, n = TARGETS[name], Random(seed), set(), 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"x{target.suffix}")
        test = settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))(fuzz_test(target, path))
        one = test.hypothesis.fuzz_one_input  # type: ignore[attr-defined]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            signal.alarm(SLOW_S)
            try:
                one(dice.randbytes(dice.randrange(16, MAX_BUFFER)))
            except KeyboardInterrupt:
                break
            except BaseException as error:
                signal.alarm(0)
                kind = _kind(error)
                if kind not in seen:
                    seen.add(kind)
                    _keep(name, path, error)
            signal.alarm(0)
            n += 1
    print(f"{name}: {n} files, {len(seen)} kinds of failures", flush=True)
    return len(seen)


def _kind(error: BaseException) -> str:
    """Where an error came from: its type and the last place in our code."""
    ours = [
        f for f in traceback.extract_tb(error.__traceback__) if str(ROOT) in f.filename and "/tests/" not in f.filename
    ]
    return f"{type(error).__name__} {ours[-1].filename}:{ours[-1].lineno}" if ours else type(error).__name__


def _keep(name: str, path: Path, error: BaseException) -> None:
    data = path.read_bytes()
    kept = KEPT / name / f"{sha256(data).hexdigest()[:12]}{path.suffix}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(data)
    said = " ".join(str(error).split())[:200]
    print(f"{name}: {_kind(error)}: {said}\n  {kept}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the importers.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=600.0, help="for each target")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)), help="of the damage")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        return 1 if fuzz(options.targets[0], options.seconds, options.seed) else 0
    command = [sys.executable, "-m", "tests.fuzz", "--here", "--seconds", str(options.seconds), "--seed"]
    print(f"seed {options.seed}", flush=True)
    failed = [
        name
        for name in options.targets or TARGETS
        if subprocess.run([*command, str(options.seed), name], cwd=ROOT, check=False).returncode
    ]
    print(f"failed: {', '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
