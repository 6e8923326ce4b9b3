"""Measurements of Palisade, each a command that prints what the documentation quotes."""
