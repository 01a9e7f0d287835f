"""`collaparte evaluate WHAT`: one measure a file."""
