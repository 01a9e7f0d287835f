"""Compile and warm up a pipeline with silence before audio starts, and determine its hop."""

from __future__ import annotations

import gc
import math
import os
from dataclasses import replace

import numpy as np

from engine.core.format import MAX_HOP
from engine.core.ring import private_ring
from engine.core.shared_memory import Layout, SharedMemory, anonymous_file
from engine.pipeline.pipeline import Pipeline
from engine.realtime.processing_thread import CHUNK, ProcessingThread, Rings

__all__ = ["prefill", "rehearse_pipeline", "warm"]

PROBE = 61  # samples: shorter than any hop and coprime to most, so single hops are emitted one by one
TURNS = 3  # hops that must be observed
REHEARSED_S = 1.0  # seconds of sound: some parts work by many frames, or only on what is loud
LOUD = 0.1


def warm(pipeline: Pipeline) -> int:
    """Feed silence until hops are emitted; return the hop: samples that the pipeline emits at a time (1: any).

    For a pipeline that is not `even`, return the largest.
    """
    hop = _hop(pipeline)
    pipeline.reset()
    return hop


def rehearse_pipeline(pipeline: Pipeline, rings: Rings, hop: int) -> None:
    """Process noise like live blocks, in separate rings, so that everything is compiled and paged in.

    Pipeline and resamplers are reset afterwards, and the objects then alive are excluded from garbage collection.
    """
    width = len(pipeline.targets) * pipeline.audio.n_channels
    descriptor = anonymous_file()
    layout = Layout(record_rows=2 * CHUNK, record_width=width, event_bytes=1 << 16)
    memory = SharedMemory(descriptor, layout, create=True)
    os.close(descriptor)
    n_samples = pipeline.latency + TURNS * (hop + CHUNK) + round(REHEARSED_S * pipeline.audio.sample_rate)
    inputs = private_ring(n_samples, pipeline.audio.n_channels)
    noise = np.random.default_rng(0).standard_normal(inputs.data.shape, np.float32)
    inputs.write(np.float32(LOUD) * noise)
    pipeline.rehearse()
    outputs = None if rings.outputs is None else private_ring(CHUNK, rings.outputs.data.shape[1])
    stage = replace(rings, inputs=inputs, outputs=outputs, paced=False)
    rehearsal = ProcessingThread(memory, pipeline, stage, record=True, grown=lambda block: 0)
    rehearsal.at_end.set()
    rehearsal.run()
    for part in (pipeline, rings.into, rings.out_of):
        if part is not None:
            part.reset()
    if rehearsal.error is not None:
        raise rehearsal.error
    gc.collect()
    gc.freeze()


def _hop(pipeline: Pipeline) -> int:
    silence = np.zeros((PROBE, pipeline.audio.n_channels), np.float32)
    held_back, lengths = False, []
    for _ in range(0, 4 * MAX_HOP, PROBE):
        n = len(pipeline.process(silence).stems)
        held_back |= n != PROBE
        lengths += [n] if n else []
        if len(lengths) >= TURNS:
            break
    if not held_back:
        return 1
    return math.gcd(*lengths) if pipeline.even else max(lengths)


def prefill(block: int, hop: int, slack: int, ratio: float = 1.0, *, even: bool = True) -> int:
    """Return the samples of silence that the output ring has to start with, so that it never underflows.

    block: the device's, samples
    hop: the pipeline's, samples
    slack: margin for the scheduler, samples
    ratio: device samples per pipeline sample
    even: whether all hops have the same length

    At equal rates with even hops, the deficit at the device is exactly block + hop - gcd(block, hop); otherwise it is
    a whole hop and two roundings.
    """
    if even and ratio == 1.0:
        return block + hop - math.gcd(block, hop) + slack
    return block + math.ceil(hop * ratio) + 2 + slack
