"""Run every kernel that live sound needs, so that all are compiled."""

from __future__ import annotations

import numpy as np

from engine.accompaniment.accompanist import AccompanyConfig
from engine.accompaniment.parts import Accompaniment, AccompanimentPart
from engine.accompaniment.stage_config import StageConfig
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.audio.callback import context
from engine.core.format import AudioFormat, FrameFormat
from engine.core.ring import private_ring
from engine.dsp.resample import ResampleConfig, Resampler
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.realtime.processing_thread import Rings
from engine.realtime.warm import rehearse_pipeline, warm
from engine.score.score import Score, make_score
from engine.separation.config import TUNED, InstantConfig, WienerConfig
from engine.separation.instant import InstantSeparator
from engine.separation.mask_network import apply_masks, magnitudes
from engine.separation.wiener import Wiener
from offline.separation.presets import unmix_config

__all__ = ["warm_kernels"]

LATENCY = 4096  # samples of an imagined device


def warm_kernels() -> str:
    """Build and rehearse a pipeline with everything in it; return the folder that keeps its kernels."""
    audio = AudioFormat(sample_rate=44100, n_channels=2)
    score = make_score("warm", [(quarter, 1, 60 + quarter, 80) for quarter in range(8)])
    pipeline = Pipeline(audio, PipelineConfig(separate=TUNED, score=score))
    into, out_of = (
        Resampler(ResampleConfig(source_rate=a, target_rate=b, n_channels=2))
        for a, b in ((48000, 44100), (44100, 48000))
    )
    rings = Rings(private_ring(1 << 16, 2), private_ring(1 << 16, 2), into, out_of)
    context(np.zeros(64, np.int64), rings.inputs, rings.outputs)
    for each in (pipeline, _accompanying(audio, score)):
        rehearse_pipeline(each, rings, warm(each))
    _warm_networks(audio)
    folder: str = apply_masks.stats.cache_path
    return folder


def _accompanying(audio: AudioFormat, score: Score) -> Pipeline:
    """Build a pipeline that accompanies by the synthesiser without a soundfont, and takes its own sound out."""
    both = Accompaniment(solo=score, parts=(AccompanimentPart(name="warm", channel=0, score=score),))
    stage, sound = StageConfig(cancel="on"), SynthesiserConfig(engine="built-in")
    accompany = AccompanyConfig(accompaniment=both, sound=sound, stage=stage)
    pipeline = Pipeline(audio, PipelineConfig(score=score, accompany=accompany))
    pipeline.declare_latency(LATENCY)
    return pipeline


def _warm_networks(audio: AudioFormat) -> None:
    """Run the kernels around networks that separate; the networks themselves are files, and need no compiling."""
    instant = InstantSeparator(unmix_config("unmix-low-latency", instant=InstantConfig()), audio)
    instant.process(np.zeros((1024, audio.n_channels), np.float32))
    frames = FrameFormat(audio=audio, n_fft=64, hop=16)
    shape = audio.n_channels, frames.n_bins
    spectrum, stems = np.zeros(shape, np.complex64), np.zeros((1, 2, *shape), np.complex64)
    magnitude, masks = np.zeros(shape, np.float32), np.zeros((2, *shape), np.float32)
    scratch = np.zeros((2, frames.n_bins), np.float32)
    magnitudes(spectrum, np.float32(1), spectrum, magnitude)
    apply_masks(spectrum, masks, False, np.float32(1), scratch[0], scratch[1], stems[0])
    Wiener(frames, WienerConfig(), n_targets=2).process(stems)
