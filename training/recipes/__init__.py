"""Shipped recipes, a YAML file each."""
