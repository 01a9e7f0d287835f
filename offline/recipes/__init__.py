"""Recipes: the commands that make what ships."""
