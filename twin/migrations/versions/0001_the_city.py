"""The city: tables, indexes, history, audit, search, policies.

Revision ID: 0001
"""

from twin.migrations.hanzi import fill_hanzi_initials
from twin.migrations.sql_files import run_sql_file

revision = "0001"
down_revision = None

FILES = ("tables", "indexes", "history", "audit", "search", "policies")


def upgrade() -> None:
    """Make everything in an empty database."""
    for name in FILES:
        run_sql_file(f"0001_{name}.sql")
    fill_hanzi_initials()
