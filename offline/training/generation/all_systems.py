"""Train every system side by side on one machine, and pack what came of it into parts that are small to carry.

    python -m offline.training.generation.all_systems --data DIR --out DIR --minutes 8 --jobs 8

Each system is a process of its own, so a GPU is shared by as many as `jobs`. At the end OUT/parts holds weights.tar in
parts of 15 MB (put together by `cat`): of every system weights.pt, half precision, and curves.jsonl.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from offline.generation.systems import SYSTEMS
from offline.training.common.checkpoint import CHECKPOINT
from offline.training.common.curves import CURVES

__all__ = ["main", "pack"]

PART_BYTES = 15_000_000
STEP_S = 0.5
MINUTES = {
    "DeepBach": 1.6,
    "Celtic": 1.6,
    "WaveNet": 1.6,
    "RL-Tuner": 2.0,
    "RNN-RBM": 2.5,
    "Blues_C": 0.4,
    "Blues_MC": 0.6,
    "deepAC": 0.4,
    "Rhythm": 0.6,
}


def pack(folder: Path) -> list[Path]:
    """Write folder/parts from the checkpoints of the folders in it; returns the parts."""
    parts = folder / "parts"
    parts.mkdir(exist_ok=True)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for checkpoint in sorted(folder.glob(f"*/{CHECKPOINT}")):
            name = checkpoint.parent.name
            saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
            half = {k: v.half() if v.is_floating_point() else v for k, v in saved["weights"].items()}
            out = io.BytesIO()
            torch.save({"weights": half, "task": saved["task"], "step": saved["step"]}, out)
            _add(tar, f"{name}/weights.pt", out.getvalue())
            if (checkpoint.parent / CURVES).exists():
                lines = (checkpoint.parent / CURVES).read_text().splitlines()
                kept = [line for i, line in enumerate(lines) if '"valid"' in line or i % 50 == 0]
                _add(tar, f"{name}/{CURVES}", "\n".join(kept).encode())
    data = buffer.getvalue()
    paths = []
    for i, start in enumerate(range(0, len(data), PART_BYTES)):
        paths.append(parts / f"weights.tar.gz.{i:02d}")
        paths[-1].write_bytes(data[start : start + PART_BYTES])
    return paths


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _command(args: argparse.Namespace, name: str) -> list[str]:
    minutes = args.minutes * MINUTES.get(name, 1.0)
    command = [sys.executable, "-m", "offline.training.generation.train", "--system", name, "--data", str(args.data)]
    command += ["--out", str(args.out / name), "--minutes", f"{minutes:.3f}", "--size", args.size]
    command += ["--device", args.device, "--batch", str(args.batch), "--resume", "--validate-every", "600"]
    command += [] if args.steps is None else ["--steps", str(args.steps)]
    return [*command, "--cpu"] if args.cpu else command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all, the longest first; a system that fails is reported and does not stop the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", type=Path, required=True)
    add("--out", type=Path, required=True)
    add("--minutes", type=float, default=5.0, help="of a system of usual size")
    add("--steps", type=int, help="train each system for this number of steps instead of minutes")
    add("--jobs", type=int, default=8)
    add("--only", nargs="*", default=[])
    add("--size", default="published")
    add("--batch", type=int, default=64)
    add("--device", default="auto")
    add("--cpu", action="store_true", help="count minutes of CPU time")
    args = parser.parse_args(arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    # DeepHear_C is DeepHear_M's network, used otherwise
    names = args.only or [name for name in SYSTEMS if name not in ("Markov", "Frames", "DeepHear_C")]
    waiting = sorted(names, key=lambda name: -MINUTES.get(name, 1.0))
    failed = _run(args, waiting)
    for path in pack(args.out):
        print(path, path.stat().st_size)
    print("failed: " + (", ".join(failed) or "none"))
    return 1 if failed else 0


def _run(args: argparse.Namespace, waiting: list[str]) -> list[str]:
    running: dict[str, subprocess.Popen[bytes]] = {}
    failed = []
    while waiting or running:
        while waiting and len(running) < args.jobs:
            name = waiting.pop(0)
            with (args.out / f"{name}.log").open("wb") as log:
                running[name] = subprocess.Popen(_command(args, name), stdout=log, stderr=subprocess.STDOUT)
        for name in [name for name, process in running.items() if process.poll() is not None]:
            if running.pop(name).returncode:
                failed.append(name)
            print(
                f"{name}: {(args.out / f'{name}.log').read_text(errors='replace').strip().splitlines()[-1:]}",
                flush=True,
            )
        time.sleep(STEP_S)
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
