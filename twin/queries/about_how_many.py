"""About how many rows lie somewhere, from the planner's own statistics: nothing is planned, no row is read."""

from __future__ import annotations


def about_in_box(table: str, box: str) -> str:
    """Give the SQL of a number of rows; NULL where the server has no statistics yet.

    table: schema and name, from the model. box: SQL of a geometry in the CRS of the table's column geom.
    """
    schema, _, name = table.partition(".")
    # Asked about a table without statistics the function fails.
    return f"""(SELECT (reltuples * _postgis_selectivity('{table}'::regclass, 'geom', {box}))::bigint
   FROM pg_class WHERE oid = '{table}'::regclass AND EXISTS (
     SELECT FROM pg_stats s WHERE (s.schemaname, s.tablename, s.attname) = ('{schema}', '{name}', 'geom')))"""
