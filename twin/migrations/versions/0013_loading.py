"""Loading at the size of a district: lineage in the row, parts of a batch, indexes set aside.

Revision ID: 0013
"""

from twin.migrations.sql_files import run_sql_file

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Change the tables deliveries are loaded into."""
    run_sql_file("0013_loading.sql")
