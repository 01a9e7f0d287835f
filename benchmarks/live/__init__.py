"""The harness of the real-time figures: load, canaries, witnesses."""
