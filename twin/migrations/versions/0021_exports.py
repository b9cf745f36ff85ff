"""Exports: asked for, approved where that is needed, ready until they are removed.

Revision ID: 0021
"""

from twin.migrations.sql_files import run_sql_file

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add the table."""
    run_sql_file("0021_exports.sql")
