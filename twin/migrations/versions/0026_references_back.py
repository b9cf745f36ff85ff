"""References of a loaded table come back without the planner's figures.

Revision ID: 0026
"""

from twin.migrations.sql_files import run_sql_file

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Change how references set aside are checked again."""
    run_sql_file("0026_references_back.sql")
