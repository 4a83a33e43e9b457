"""The command line: `lcomp encode`, `decode`, `info`, `models` and `train`."""
