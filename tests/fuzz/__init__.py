"""Fuzzing of everything that reads files of others: a few seconds in the tests, ten minutes each by `make fuzz`."""
