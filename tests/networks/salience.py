"""Small salience networks as files, written once a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.dsp.harmonic import HcqtConfig
from models.salience.graph import export_salience_network
from models.salience.network import SalienceNetwork
from tests.models.salience.test_network import build

KEPT = TemporaryDirectory(prefix="salience-")  # removed when the tests end
FOLDER = Path(KEPT.name)
SMALL = HcqtConfig(
    low_hz=300.0, bins_per_octave=12, n_octaves=2, hop_s=0.02, gamma=3.0, look_ahead_s=0.02, compression=20.0
)
TEXTS = {"licence": "CC0-1.0", "training": "random weights"}


@cache
def small_salience(**settings: object) -> SalienceNetwork:
    return build(**settings)


@cache
def small_salience_file(**settings: object) -> Path:
    path = FOLDER / f"{abs(hash(tuple(settings.items())))}.onnx"
    export_salience_network(small_salience(**settings), path, SMALL, texts=TEXTS)
    return path
