"""Tests of the accompaniment."""
