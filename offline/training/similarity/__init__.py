"""Training of Siamese networks."""
