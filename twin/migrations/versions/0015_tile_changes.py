"""Changes of what vector tiles show, noted by squares and told on commit.

Revision ID: 0015
"""

from twin.migrations.sql_files import run_sql_file

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the table of changes, its triggers and its upkeep."""
    run_sql_file("0015_tile_changes.sql")
