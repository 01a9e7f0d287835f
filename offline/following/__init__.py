"""Score following of files and its presets."""
