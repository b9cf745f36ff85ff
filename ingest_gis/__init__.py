"""Departments' deliveries become rows of the twin: read, check, transform, load, match to places."""
