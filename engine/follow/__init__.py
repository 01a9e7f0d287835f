"""Where in the score the live side is."""
