"""Networks that detect sounds, their losses, and their import from published weights."""
