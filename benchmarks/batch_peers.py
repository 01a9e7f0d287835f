"""How fast other libraries do what a batch does, on one core: `python -m benchmarks.batch_peers NAME FILE`.

Prints how many times real time; the second of two runs counts, reading included. Exit status 3 where the library is
not installed: none of them is needed for anything else (`pip install openunmix`; librosa comes with the extra dev).
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from engine.dsp.constant_q import CqtConfig

__all__ = ["PEERS"]

PEERS = {
    "separate hpss": ("librosa hpss",),
    "separate unmix": ("open-unmix",),
    "features cqt": ("librosa cqt", "librosa cqt of 88 pitches, mono"),
}  # of tag: YAMNet and its like are on no package registry, only their code; of align: see benchmarks/alignment.py
MISSING = 3


def librosa_hpss(path: Path) -> None:
    """Both channels, 2048 samples a frame, its defaults."""
    librosa: Any = importlib.import_module("librosa")
    sound, _ = soundfile.read(path, dtype="float32", always_2d=True)
    for channel in sound.T:
        librosa.effects.hpss(np.ascontiguousarray(channel))


def librosa_cqt(path: Path) -> None:
    """The bins and frames that ours has, of both channels."""
    librosa: Any = importlib.import_module("librosa")
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    ours = CqtConfig()
    bins = {"fmin": ours.low_hz, "n_bins": ours.n_bins, "bins_per_octave": ours.bins_per_octave}
    for channel in sound.T:
        librosa.cqt(np.ascontiguousarray(channel), sr=rate, hop_length=round(ours.hop_s * rate), **bins)


def librosa_cqt_88(path: Path) -> None:
    """88 pitches of the mean of both channels: less than a third as many values."""
    librosa: Any = importlib.import_module("librosa")
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    librosa.cqt(sound.mean(axis=1), sr=rate, hop_length=1024, fmin=27.5, n_bins=88)


def open_unmix(path: Path) -> None:
    """Four targets by the networks of UMX-HQ, with its Wiener filter; the weights are drawn, which costs the same."""
    torch: Any = importlib.import_module("torch")
    openunmix: Any = importlib.import_module("openunmix")
    torch.set_num_threads(1)
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    separator = openunmix.umxhq(pretrained=False, device="cpu")
    separator.freeze()
    with torch.no_grad():
        separator(torch.as_tensor(sound.T[None]))
    assert rate == 44_100


RUN: dict[str, Callable[[Path], None]] = {
    "librosa hpss": librosa_hpss,
    "librosa cqt": librosa_cqt,
    "librosa cqt of 88 pitches, mono": librosa_cqt_88,
    "open-unmix": open_unmix,
}


def main(name: str, path: Path) -> int:
    """Run twice, and print the speed of the second time."""
    info = soundfile.info(str(path))
    try:
        for _ in range(2):
            begin_s = time.process_time()
            RUN[name](path)
            took_s = time.process_time() - begin_s
    except ImportError as error:
        print(error, file=sys.stderr)
        return MISSING
    print(
        f"{info.frames / info.samplerate / took_s:.0f}" if took_s < info.duration else f"{info.duration / took_s:.2f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
