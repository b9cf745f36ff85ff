"""Search forgives one character, knows full pinyin, and follows a load afterwards instead of row by row.

Revision ID: 0006
"""

from twin.migrations.hanzi import fill_hanzi_syllables
from twin.migrations.sql_files import driver_connection, run_sql_file

revision = "0006"
down_revision = "0005"

KINDS = ("address", "building", "asset", "entity", "admin_unit", "grid")


def upgrade() -> None:
    """Make search anew and its entries for what is in the database already."""
    run_sql_file("0006_search.sql")
    fill_hanzi_syllables()
    for kind in KINDS:
        driver_connection().execute("SELECT twin.search_rebuild(%s)", (kind,))
