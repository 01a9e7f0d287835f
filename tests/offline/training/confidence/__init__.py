"""Tests of offline.training.confidence."""
