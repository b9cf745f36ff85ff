"""What nobody may see through any door."""
