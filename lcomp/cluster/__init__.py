"""What `workers` does on one machine, on the actors of a Ray cluster."""
