"""Detection: which sounds begin and end, by networks."""
