"""From pixels to a file."""
