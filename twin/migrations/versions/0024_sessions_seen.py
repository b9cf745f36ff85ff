"""What one's own sessions are told by, and a second factor that is renewed.

Revision ID: 0024
"""

from twin.migrations.sql_files import run_sql_file

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Add the columns."""
    run_sql_file("0024_sessions_seen.sql")
