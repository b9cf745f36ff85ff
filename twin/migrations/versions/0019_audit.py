"""The audit can be read, kept and put away; reasons are sealed per person.

Revision ID: 0019
"""

from twin.migrations.sql_files import run_sql_file

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add indexes, the reading function, subjects' keys and archives."""
    run_sql_file("0019_audit.sql")
