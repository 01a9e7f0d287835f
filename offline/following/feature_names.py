"""The features that can be followed and aligned by."""

from __future__ import annotations

__all__ = ["FEATURES", "WORDS"]

FEATURES = ("learned", "bands", "chroma", "stft", "cqt", "vqt", "cqt_chroma", "semigram", "salience")
WORDS = "features to compare: learned similarity and spectral bands, the bands alone, or another front end"
