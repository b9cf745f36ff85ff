"""The history of cases.

Revision ID: 0027
"""

from twin.migrations.sql_files import run_sql_file

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Begin to record changes of cases."""
    run_sql_file("0027_events_tracked.sql")
