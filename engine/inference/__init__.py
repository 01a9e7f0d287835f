"""Running nodes around exported networks."""
