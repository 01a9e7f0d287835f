"""Training of networks that generate music."""
