"""Exports: asked for, approved where that is needed, ready until they are removed.

Revision ID: 0020
"""

from twin.migrations.sql_files import run_sql_file

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add the table."""
    run_sql_file("0020_exports.sql")
