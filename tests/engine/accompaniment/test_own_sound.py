"""What comes back of the accompaniment is taken out of the input, whatever the blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from engine.accompaniment.own_sound import OwnSound
from engine.accompaniment.stage_config import StageConfig
from engine.core.format import AudioFormat
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from offline.accompaniment.imitated_stage import ImitatedStage, room_response
from tests.cases.accompaniment import ACCOMPANY
from tests.engine.following.play import RATE, scale, sound

AUDIO = AudioFormat(sample_rate=44100, n_channels=2)
LATENCY, SECONDS = 2205, 8
TAKEN_DB = -10.0  # of what comes back as loud as the soloist, after some seconds


def tones(seed: int, keys: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Plucked tones of a few keys at random, SECONDS long."""
    rng, n = np.random.default_rng(seed), SECONDS * AUDIO.sample_rate
    out = np.zeros(n + AUDIO.sample_rate)
    t = np.arange(AUDIO.sample_rate) / AUDIO.sample_rate
    for begin in range(0, n, AUDIO.sample_rate // 4):
        hz = 440 * 2 ** ((rng.choice(keys) - 69) / 12)
        out[begin : begin + len(t)] += sum(np.sin(2 * np.pi * k * hz * t) / k for k in range(1, 9)) * np.exp(-4 * t)
    return out[:n] / np.std(out)


def heard_of(solo: npt.NDArray[np.float64], own: npt.NDArray[np.float64], block: int) -> npt.NDArray[np.float32]:
    """What is left of the soloist with the own sound that comes back through a room, all in two channels."""
    back = np.convolve(own, room_response(0.3, AUDIO.sample_rate))[: len(own)]
    microphone = np.repeat((solo + np.pad(back, (LATENCY, 0))[: len(own)])[:, None], 2, axis=1).astype(np.float32)
    played = np.repeat(own[:, None], 2, axis=1).astype(np.float32)
    canceller = OwnSound(AUDIO)
    canceller.declare_latency(LATENCY)
    out = []
    for i in range(0, len(solo), block):
        out.append(canceller.take(microphone[i : i + block]).copy())
        canceller.played(played[i : i + block])
    return np.concatenate(out)


def test_what_comes_back_is_taken_out() -> None:
    solo, own = tones(1, (67, 69, 71, 72, 74)), tones(2, (48, 52, 55, 60, 64))
    left = heard_of(solo, own, 512)[:, 0] - solo
    later = slice(len(solo) // 2, None)
    assert 10 * np.log10(np.mean(left[later] ** 2) / np.mean(solo[later] ** 2)) < TAKEN_DB


@pytest.mark.parametrize("block", [1, 333, 1000])
def test_any_blocks(block: int) -> None:
    solo, own = (tones(seed, (60, 64, 67))[:6000] for seed in (1, 2))
    assert np.array_equal(heard_of(solo, own, block), heard_of(solo, own, 256))


def test_without_latency_nothing_comes_back() -> None:
    block = np.ones((64, 2), np.float32)
    assert OwnSound(AUDIO).take(block) is block


def test_a_pipeline_gives_the_same_for_every_cut() -> None:
    """It cuts long blocks by itself: what it takes out depends on what it has played."""
    accompany = replace(ACCOMPANY, stage=StageConfig(cancel="on"))
    score = scale(8)
    solo = sound(score)[0].astype(np.float32)
    results = []
    for block in (300, len(solo)):
        pipeline = Pipeline(
            AudioFormat(sample_rate=RATE, n_channels=1), PipelineConfig(score=score, accompany=accompany)
        )
        pipeline.declare_latency(LATENCY)
        outputs = [pipeline.process(solo[i : i + block]) for i in range(0, len(solo), block)]
        events = [event for output in outputs for event in output.events]
        results.append((np.concatenate([o.stems for o in outputs]), sorted(map(repr, events))))
    assert np.abs(results[0][0][:, 1]).max() > 0.01
    assert np.array_equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


def test_a_stage_returns_its_sound_when_the_latency_is_over() -> None:
    score = scale(8)
    solo = sound(score)[0].astype(np.float32)
    audio = AudioFormat(sample_rate=RATE, n_channels=1)
    pipelines = [Pipeline(audio, PipelineConfig(score=score, accompany=ACCOMPANY)) for _ in range(2)]
    pipelines[0].declare_latency(LATENCY)
    direct = pipelines[0].process(solo).stems
    late = ImitatedStage(pipelines[1], LATENCY).process(solo).stems
    assert np.array_equal(late[LATENCY:, 1], direct[:-LATENCY, 1])
    assert not late[:LATENCY, 1].any()
