"""The integer networks that decide the bitstream."""
