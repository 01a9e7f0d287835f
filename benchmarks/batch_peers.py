"""How fast other libraries do what a batch does, on one core: `python -m benchmarks.batch_peers NAME FILE`.

Prints how many times real time; the second of two runs counts, reading included. Exit status 3 where the library is
not installed: none of them is needed for anything else (`pip install openunmix synctoolbox`; librosa comes with the
extra dev).
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from engine.dsp.constant_q import CqtConfig
from engine.score.readers import read_score

__all__ = ["PEERS"]

PEERS = {
    "separate hpss": ("librosa hpss",),
    "separate unmix": ("open-unmix",),
    "features cqt": ("librosa cqt", "librosa cqt of 88 pitches, mono"),
    "align": ("synctoolbox",),
}  # of tag: YAMNet and its like are on no package registry, only their code
MISSING = 3
SYNC_RATE = 50  # frames a second, its own
SYNC = (*(f"feature.{name}" for name in ("csv_tools", "pitch", "pitch_onset", "chroma", "dlnco")), "dtw.mrmsdtw")


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


def synctoolbox(path: Path) -> None:
    """Chroma and onsets of both sides by its multi-scale warping, as its example does; the score is beside the file."""
    pandas: Any = importlib.import_module("pandas")
    tables, pitch, onset, chroma, dlnco, warping = (importlib.import_module(f"synctoolbox.{name}") for name in SYNC)
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = sound.mean(axis=1).astype(float)
    ours = pitch.audio_to_pitch_features(f_audio=mono, Fs=rate, feature_rate=SYNC_RATE)
    our_onsets = onset.audio_to_pitch_onset_features(f_audio=mono, Fs=rate)
    score = read_score(path.with_suffix(".mid"))
    begin_s, end_s = (
        score.seconds(quarter) for quarter in (score.note_quarter, score.note_quarter + score.note_duration)
    )
    table = pandas.DataFrame(
        {
            "start": begin_s,
            "duration": end_s - begin_s,
            "end": end_s,
            "pitch": score.note_pitch,
            "velocity": score.note_velocity / 127,
            "instrument": "piano",
        }
    )
    theirs = tables.df_to_pitch_features(table, feature_rate=SYNC_RATE)
    their_onsets = tables.df_to_pitch_onset_features(table)
    sides = []
    for features, peaks in ((ours, our_onsets), (theirs, their_onsets)):
        sides.append(chroma.quantize_chroma(f_chroma=chroma.pitch_to_chroma(f_pitch=features)))
        length = sides[-1].shape[1]
        sides.append(dlnco.pitch_onset_features_to_DLNCO(peaks, feature_sequence_length=length, feature_rate=SYNC_RATE))
    warping.sync_via_mrmsdtw(
        f_chroma1=sides[0], f_onset1=sides[1], f_chroma2=sides[2], f_onset2=sides[3], input_feature_rate=SYNC_RATE
    )


RUN: dict[str, Callable[[Path], None]] = {
    "librosa hpss": librosa_hpss,
    "librosa cqt": librosa_cqt,
    "librosa cqt of 88 pitches, mono": librosa_cqt_88,
    "open-unmix": open_unmix,
    "synctoolbox": synctoolbox,
}


def main(name: str, path: Path) -> int:
    """Run twice, and print the speed of the second time."""
    info = soundfile.info(str(path))
    try:
        for _ in range(2):
            begin_s = time.process_time()
            with redirect_stdout(sys.stderr):
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
