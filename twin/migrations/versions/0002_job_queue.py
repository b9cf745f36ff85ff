"""The job queue: procrastinate's tables and functions in a schema of their own.

A new database gets the schema of the procrastinate that is installed; queue.made_by says up to which of
procrastinate's migration files that goes. A procrastinate with newer files needs a further revision that runs,
in databases made earlier, the files after the one in queue.made_by.

Revision ID: 0002
"""

from pathlib import Path

from procrastinate.schema import SchemaManager

from twin.migrations.sql_files import driver_connection, run_sql_file

revision = "0002"
down_revision = "0001"

LAST_FILE = "03.04.00_50_post_add_retry_failed_job_procedure.sql"


def upgrade() -> None:
    """Make the schema `queue`."""
    newest = max(path.name for path in Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    connection = driver_connection()
    connection.execute("CREATE SCHEMA queue; SET LOCAL search_path = queue, public")
    connection.execute(SchemaManager.get_schema().encode())
    connection.execute("SET LOCAL search_path TO DEFAULT; CREATE TABLE queue.made_by (file text PRIMARY KEY)")
    connection.execute("INSERT INTO queue.made_by (file) VALUES (%s)", (newest,))
    run_sql_file("0002_queue_access.sql")
