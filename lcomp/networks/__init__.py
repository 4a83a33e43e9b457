"""Transforms, hyperprior and the exact integer path."""
