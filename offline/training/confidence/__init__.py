"""Fitting of the confidence of the score follower."""
