"""What every training shares: the loop, curves, averages of weights."""
