"""The HTTP door of the twin."""
