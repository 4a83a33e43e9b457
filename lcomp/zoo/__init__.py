"""The pretrained models: their descriptions and weights."""
