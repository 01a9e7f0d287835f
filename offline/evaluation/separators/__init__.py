"""Other people's separators, beside ours, on the same songs."""
