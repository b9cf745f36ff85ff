"""What Alembic runs: the migrations of `versions/`, on the connection and in the transaction it is given."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table="schema_version", version_table_schema="twin")
context.run_migrations()
