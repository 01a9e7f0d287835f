"""`collaparte batch` and its jobs."""
