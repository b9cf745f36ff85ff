"""Footprints become blocks with ground and roof heights."""
