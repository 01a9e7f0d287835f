"""The features that can be followed and aligned by."""

from __future__ import annotations

__all__ = ["FEATURES", "NETWORK_ENDING", "WORDS"]

FEATURES = ("learned", "bands", "chroma", "stft", "cqt", "vqt", "cqt_chroma", "semigram", "salience")
NETWORK_ENDING = ".onnx"
WORDS = (
    "features to compare: learned similarity and spectral bands, the bands alone, another front end, or FILE.onnx, a"
    " network of `export similarity`"
)
