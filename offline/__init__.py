"""Whole files and corpora: the live processors run over them, training and evaluation."""
