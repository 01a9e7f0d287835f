"""The features that a batch can write, and the forms of their arrays."""

from __future__ import annotations

__all__ = ["ARRAY_FORMATS", "BATCH_FEATURES"]

BATCH_FEATURES = ("stft", "cqt", "vqt", "chroma", "cqt_chroma", "semigram", "salience", "learned")
ARRAY_FORMATS = ("npy", "zarr")
