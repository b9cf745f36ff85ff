"""References of a loaded table come back without the planner's figures.

Revision ID: 0025
"""

from twin.migrations.sql_files import run_sql_file

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Change how references set aside are checked again."""
    run_sql_file("0025_references_back.sql")
