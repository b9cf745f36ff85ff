"""Changes of what vector tiles show, noted by squares and told on commit.

Revision ID: 0016
"""

from twin.migrations.sql_files import run_sql_file

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the table of changes, its triggers and its upkeep."""
    run_sql_file("0016_tile_changes.sql")
