"""Before the sound: compile and warm a pipeline with silence, and find by how much it holds output back."""

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

__all__ = ["prefill", "rehearse", "warm"]

PROBE = 61  # samples: shorter than any hop and coprime to most, so single hops come out one by one
TURNS = 3  # hops that have to be seen


def warm(pipeline: Pipeline) -> int:
    """Feed silence until hops come out; return the hop: the samples that the pipeline gives at a time (1: any).

    Of a pipeline that is not `even`, the most that it gives at a time.
    """
    hop = _hop(pipeline)
    pipeline.reset()
    return hop


def rehearse(pipeline: Pipeline, rings: Rings, hop: int) -> None:
    """Let silence go the whole way of a live block, in rings of its own: everything is compiled and paged in then.

    Pipeline and resamplers are reset afterwards, and what lives by now is hidden from the collector.
    """
    width = len(pipeline.targets) * pipeline.audio.n_channels
    descriptor = anonymous_file()
    layout = Layout(record_rows=2 * CHUNK, record_width=width, event_bytes=1 << 16)
    memory = SharedMemory(descriptor, layout, create=True)
    os.close(descriptor)
    n_samples = pipeline.latency + TURNS * (hop + CHUNK)
    inputs = private_ring(n_samples, pipeline.audio.n_channels)
    inputs.write(np.zeros_like(inputs.data))
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
    """Return the samples of silence that the output ring has to start with, so that none is ever missing.

    block: the device's; hop: the pipeline's, `ratio` device samples to one of its own; slack: samples for the
    scheduler; even: whether all hops are as long. Of one rate and even, the deficit at the device is block + hop -
    gcd(block, hop), exactly; else a whole hop and two roundings.
    """
    if even and ratio == 1.0:
        return block + hop - math.gcd(block, hop) + slack
    return block + math.ceil(hop * ratio) + 2 + slack
