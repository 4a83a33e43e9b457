"""Training: data, cost, optimisation and export of weights."""
