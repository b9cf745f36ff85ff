"""Rights can be set through the service by the security administrator; the administrators' powers stay separate.

Revision ID: 0020
"""

from twin.migrations.sql_files import run_sql_file

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Guard the table of rights."""
    run_sql_file("0020_rights_kept.sql")
