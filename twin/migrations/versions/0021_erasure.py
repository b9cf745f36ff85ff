"""Note which erasures a database has been brought to.

Revision ID: 0021
"""

from twin.migrations.sql_files import run_sql_file

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add the table."""
    run_sql_file("0021_erasure.sql")
