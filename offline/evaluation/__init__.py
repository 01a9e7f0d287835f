"""Metrics over files and corpora."""
