"""How signals become a verdict."""
