"""The figures: one command measures them all."""
