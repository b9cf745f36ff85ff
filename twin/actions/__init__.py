"""What may be done to the twin, and who may do it."""
