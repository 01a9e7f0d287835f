"""Songs in stems out of what others made: tracker modules, LMMS projects, a game of guitars."""
