"""The policies that Palisade ships, as data."""
