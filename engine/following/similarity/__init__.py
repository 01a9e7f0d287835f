"""Following by a Siamese convolutional network: its input, its embeddings, and the features made of them."""
