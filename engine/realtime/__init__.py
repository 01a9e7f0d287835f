"""The engine process: its callback's rings, its hop thread, and the pipe to the main process."""
