"""The lossless family: a pyramid of lazy wavelets, least-squares prediction, small integer networks."""
