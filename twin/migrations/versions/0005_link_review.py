"""Links can be reviewed by several people at once.

Revision ID: 0005
"""

from twin.migrations.sql_files import run_sql_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what was weighed and the version to links, and reviewers' claims."""
    run_sql_file("0005_link_review.sql")
