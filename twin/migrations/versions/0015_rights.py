"""Rights as data: one table of role, action, collection, area and fields, which the row policies ask too.

Revision ID: 0015
"""

from twin.migrations.sql_files import run_sql_file

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the table of rights and let the row policies ask it."""
    run_sql_file("0015_rights.sql")
