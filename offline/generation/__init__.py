"""Systems that write music: a representation, an architecture and a strategy each."""
