"""Long work, queued in PostgreSQL."""
