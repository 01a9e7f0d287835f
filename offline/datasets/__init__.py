"""Corpora, their splits, and what turns them into arrays."""
