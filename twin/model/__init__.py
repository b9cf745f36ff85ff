"""The tables of the twin as SQLAlchemy models."""
