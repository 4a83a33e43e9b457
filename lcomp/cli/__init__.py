"""The command line: `lcomp encode`, `decode`, `info`, `models`, `eval` and `train`."""
