"""From overlapping drone photos to a surface."""
