"""What departments' words mean among the 108 classes, and the words nobody has explained yet.

Revision ID: 0004
"""

from twin.migrations.sql_files import run_sql_file

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table of meanings and the bucket of unexplained words."""
    run_sql_file("0004_class_words.sql")
