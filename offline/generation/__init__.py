"""Systems that write music: their record, their players, and their weights."""
