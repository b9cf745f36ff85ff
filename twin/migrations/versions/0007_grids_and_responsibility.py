"""Grids that split and merge, management grids, and who is responsible for what where.

Revision ID: 0007
"""

from twin.migrations.sql_files import run_sql_file

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables and the function that names the responsible parties."""
    run_sql_file("0007_grids_and_responsibility.sql")
