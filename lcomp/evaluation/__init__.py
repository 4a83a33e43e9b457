"""Evaluation: rate, distortion and speed of lcomp's models and of other codecs, from real files."""
