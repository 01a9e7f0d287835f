"""`collaparte data WHAT`: makers and converters of data, one a file."""
