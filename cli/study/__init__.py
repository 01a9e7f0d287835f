"""`collaparte study WHAT`."""
