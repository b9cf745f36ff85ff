"""Scattered assets can be brought together on the disk.

Revision ID: 0011
"""

from twin.migrations.sql_files import run_sql_file

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the functions of twin db tidy."""
    run_sql_file("0011_tidy.sql")
