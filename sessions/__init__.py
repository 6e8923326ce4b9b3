"""What is remembered of a session: the verdict and digests, never pixels, landmarks or names."""
