"""Numerical kernels of the audio path, all numba."""
