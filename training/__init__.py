"""Heads that are fitted here: recipes with fixed seeds, and the data that they may use."""
