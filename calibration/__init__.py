"""Fits the policy to an operator's own cameras and people."""
