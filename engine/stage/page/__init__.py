"""The page in the browser: static files, no build step, no other host."""
