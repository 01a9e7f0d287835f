"""The commands, one a file: what each takes and what it does. Heavy imports stand in the functions that act."""
