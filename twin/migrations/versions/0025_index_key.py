"""Which index key the keyed hashes stand under.

Revision ID: 0025
"""

from twin.migrations.sql_files import run_sql_file

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Make the table of one row."""
    run_sql_file("0025_index_key.sql")
