"""What may be asked of the twin."""
