"""Where files lie: on this machine, or anywhere that fsspec reaches."""
