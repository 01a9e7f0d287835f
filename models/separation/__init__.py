"""Networks that separate, their losses, and their import from published weights."""
