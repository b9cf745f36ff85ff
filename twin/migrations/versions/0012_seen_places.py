"""Links by name; what surveys see beside what registers say.

Revision ID: 0012
"""

from twin.migrations.sql_files import run_sql_file

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Widen the ways of linking and make the table of seen places."""
    run_sql_file("0012_seen_places.sql")
