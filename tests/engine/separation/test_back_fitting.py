"""Kernel back-fitting by segments gives what it gives of the whole recording at once, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.core.format import AudioFormat
from engine.separation.config import TUNED, HpssConfig
from offline.separation import backfitting
from offline.separation.segments import segments

RATE = 22_050
N_FFT = 512
CONFIGS = [
    replace(TUNED, n_fft=N_FFT, iterations=3),
    replace(TUNED, n_fft=N_FFT, spatial=False),
    HpssConfig(n_fft=N_FFT, iterations=2, span_harmonic=5, look_ahead=2, residual=True),
]


def sound(n_channels: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    envelope = np.repeat(rng.random(40), 700)[: 40 * 700]
    return (envelope[:, None] * rng.standard_normal((40 * 700, n_channels))).astype(np.float32)


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize("config", CONFIGS)
def test_by_segments_as_whole(n_channels: int, config: HpssConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    audio, given = sound(n_channels), []
    for size in (13, 10_000):
        monkeypatch.setattr(backfitting, "SEGMENT", size)
        given.append(backfitting.separate_whole(audio, RATE, config))
    assert np.array_equal(*given)
    assert given[0].any()


def test_what_is_held_does_not_grow_with_the_length() -> None:
    audio = AudioFormat(sample_rate=RATE, n_channels=1)
    read = [0, 0]

    def blocks() -> object:
        for _ in range(400):
            read[0] += 4096
            yield np.full((4096, 1), 0.1, np.float32)

    config = replace(TUNED, n_fft=N_FFT)
    for part in backfitting.separate_blocks(blocks, audio, config):  # type: ignore[arg-type]
        read[1] += len(part)
        ahead = read[0] - 400 * 4096 - read[1]  # the first reading is that of the length
        assert ahead < (2 * backfitting.SEGMENT + 64) * N_FFT // 4 + 4096
    assert read[1] == 400 * 4096


def test_segments_make_up_the_stream() -> None:
    stream = np.arange(100, dtype=np.complex64)[:, None]
    for size, context in ((7, 3), (30, 0), (200, 5)):
        found = list(segments([stream[:41], stream[41:41], stream[41:]], size, context))
        assert np.array_equal(np.concatenate([each.frames[each.begin : each.end] for each in found]), stream)
        for each in found:
            assert np.array_equal(each.frames, stream[each.first : each.stop])
            assert each.begin >= min(context, each.first + each.begin)
            assert each.last == (each is found[-1])
