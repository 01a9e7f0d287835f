"""Siamese networks that compare frames."""
