"""A synthetic district with known truth."""
