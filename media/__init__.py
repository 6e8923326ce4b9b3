"""Untrusted bytes become pixels here, and nowhere else."""
