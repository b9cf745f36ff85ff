"""Answers kept for requests that are sent twice (Idempotency-Key).

Revision ID: 0022
"""

from twin.migrations.sql_files import run_sql_file

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Make the table of kept answers."""
    run_sql_file("0022_repeated_requests.sql")
