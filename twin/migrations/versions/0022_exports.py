"""Exports: asked for, approved where that is needed, ready until they are removed.

Revision ID: 0022
"""

from twin.migrations.sql_files import run_sql_file

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add the table."""
    run_sql_file("0022_exports.sql")
