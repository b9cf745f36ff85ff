"""Personal data is sealed: encrypted columns and keyed hashes in the private tables.

Revision ID: 0017
"""

from twin.migrations.sql_files import run_sql_file

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Change the private tables; what stands in them in clear waits in `unsealed` for `twin key apply`."""
    run_sql_file("0017_sealed.sql")
