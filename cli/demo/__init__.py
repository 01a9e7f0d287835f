"""The demo: a piece that the project writes itself."""
