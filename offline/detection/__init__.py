"""Sound events of whole files."""
