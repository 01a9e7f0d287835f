"""Training of networks that detect sounds."""
