"""Networks, their losses, their export, and the weights that ship."""
