"""Picture files in and out through Pillow: no torch."""
