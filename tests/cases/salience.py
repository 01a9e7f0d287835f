"""Cases of pitch salience: alone and with onsets, frame by frame and in blocks, against torch on slow transforms."""

from __future__ import annotations

import math

import numpy as np
import torch

from engine.dsp.constant_q import make_plan
from engine.dsp.harmonic import harmonic_bins, wide_cqt
from engine.following.salience import SalienceNode, SalienceNodeConfig
from tests.cases.frontends import MONO, NOISE, SIZES, Misfit, slow_cqt
from tests.contract import Case
from tests.networks.salience import SMALL, small_salience, small_salience_file
from tests.tolerances import CONSTANT_Q

WIDE = wide_cqt(SMALL)
HOP = make_plan(WIDE, MONO).hop


def as_salience(*, onsets: bool, block: int) -> Misfit:
    def misfit(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
        model = small_salience()
        n = len(signal) // HOP
        late = latency - (model.config.look_ahead + block - 1) * HOP
        cqt = np.pad(slow_cqt(signal, WIDE, MONO, late, n), ((0, 0), (0, 1)))
        hcqt = torch.from_numpy(cqt[:, harmonic_bins(SMALL)].astype(np.float32))
        with torch.inference_mode():
            logits, _ = model.stream(hcqt[None], model.initial_state())
        expected = torch.sigmoid(logits[0]).numpy()[: n // block * block, : 2 if onsets else 1]
        expected = expected.reshape(len(expected), -1)
        if output.shape != expected.shape:
            return math.inf
        return float((np.abs(output - expected).max(axis=0) / expected.std(axis=0)).max())

    return misfit


CASES = [
    Case(
        f"salience{', onsets' if onsets else ''}, blocks of {block}",
        lambda onsets=onsets, block=block: SalienceNode(
            SalienceNodeConfig(model=small_salience_file(), onsets=onsets, block=block), MONO
        ),
        NOISE[:, :1],
        as_salience(onsets=onsets, block=block),
        CONSTANT_Q,
        SIZES,
    )
    for onsets, block in [(False, 1), (True, 3)]
]
