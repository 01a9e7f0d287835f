"""Signal processing of the audio path, in numba kernels."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.dsp.constant_q import Cqt, CqtConfig
    from engine.dsp.features import Chroma, FeatureConfig, SpectralFeatures
    from engine.dsp.frontends import FRONT_ENDS, FrontEnd, FrontEndConfig, front_end
    from engine.dsp.harmonic import Hcqt, HcqtConfig
    from engine.dsp.logmel import LogMel, LogMelConfig
    from engine.dsp.magnitude import Fold, Magnitude
    from engine.dsp.median import over_frequency, over_time
    from engine.dsp.resample import ResampleConfig, Resampler
    from engine.dsp.semigram import Semigram, SemigramConfig
    from engine.dsp.stft import Istft, Stft
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "FRONT_ENDS",
    "Chroma",
    "Cqt",
    "CqtConfig",
    "FeatureConfig",
    "Fold",
    "FrontEnd",
    "FrontEndConfig",
    "Hcqt",
    "HcqtConfig",
    "Istft",
    "LogMel",
    "LogMelConfig",
    "Magnitude",
    "ResampleConfig",
    "Resampler",
    "Semigram",
    "SemigramConfig",
    "SpectralFeatures",
    "Stft",
    "front_end",
    "over_frequency",
    "over_time",
]
