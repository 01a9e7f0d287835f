"""Separation of whole files and its presets."""
