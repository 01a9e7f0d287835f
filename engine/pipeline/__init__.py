"""Pipelines: processors joined, run over a stream of blocks."""
