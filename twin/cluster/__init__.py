"""The private PostGIS cluster the twin lives in."""
