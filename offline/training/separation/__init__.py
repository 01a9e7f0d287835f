"""Training of networks that separate."""
