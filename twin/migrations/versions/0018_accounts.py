"""Accounts: who logs in, with which role, department and grids; sessions, tokens, failed log-ins.

Revision ID: 0018
"""

from twin.migrations.sql_files import run_sql_file

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Make the tables of accounts."""
    run_sql_file("0018_accounts.sql")
