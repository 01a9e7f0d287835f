"""What can be followed and aligned by."""

from __future__ import annotations

__all__ = ["FEATURES", "WORDS"]

FEATURES = ("learned", "bands", "chroma", "stft", "cqt", "vqt", "cqt_chroma", "semigram", "salience")
WORDS = "what to listen by: learned similarity beside spectral bands (default), the bands alone, or a front end"
