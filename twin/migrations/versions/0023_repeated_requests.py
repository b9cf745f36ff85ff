"""Answers kept for requests that are sent twice (Idempotency-Key).

Revision ID: 0023
"""

from twin.migrations.sql_files import run_sql_file

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Make the table of kept answers."""
    run_sql_file("0023_repeated_requests.sql")
