"""The players: one class a system, one file a family, found through the record of systems."""
