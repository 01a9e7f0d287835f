"""Jobs of batches, each a function of its settings and an item."""
