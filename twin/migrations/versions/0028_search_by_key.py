"""Search entries are made from the rows they are of, not by reading their tables.

Revision ID: 0028
"""

from twin.migrations.sql_files import run_sql_file

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Replace what makes the entries of search."""
    run_sql_file("0028_search_by_key.sql")
