"""Scoring archives offline: the manifest, the files, the rows and what they add up to."""
