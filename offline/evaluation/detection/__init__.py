"""Evaluate sound event detection."""
