"""Linking in parts that can be taken up again; other texts of an address.

Revision ID: 0008
"""

from twin.migrations.sql_files import run_sql_file

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the tables of linking runs and of address aliases."""
    run_sql_file("0008_linking.sql")
