"""Score following: where in the score the performer is."""
