"""Delivered solids keep how their faces belong together.

Revision ID: 0010
"""

from twin.migrations.sql_files import run_sql_file

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the table of building models."""
    run_sql_file("0010_building_models.sql")
