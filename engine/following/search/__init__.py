"""The search for the path through a score: its beam, its way back, jumps, and loops."""
