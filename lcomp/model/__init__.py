"""A loaded model on a device."""
