"""Large loads: no copy of their rows for the triggers, search noted by ranges, fewer indexes set aside.

Revision ID: 0014
"""

from twin.migrations.sql_files import run_sql_file

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Change the triggers and functions that loads run through."""
    run_sql_file("0014_large_loads.sql")
