"""The history of cases.

Revision ID: 0025
"""

from twin.migrations.sql_files import run_sql_file

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Begin to record changes of cases."""
    run_sql_file("0025_events_tracked.sql")
