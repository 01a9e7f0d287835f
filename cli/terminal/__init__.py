"""What the terminal needs: how commands end, shell completion, the wait for kernels."""
