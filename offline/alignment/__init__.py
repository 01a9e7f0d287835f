"""Alignment of whole files: when each note of a score sounds in a recording."""
