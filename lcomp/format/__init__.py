"""The `.lic` file format: no torch, no Pillow."""
