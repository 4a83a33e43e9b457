"""How the lossless family is trained."""
