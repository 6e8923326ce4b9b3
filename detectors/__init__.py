"""What is measured on a face: one file per signal."""
