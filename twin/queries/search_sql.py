"""The statements of /search: what fits the text as it is, and what fits it but for one character.

`print(SEARCH)` gives the text to paste into psql (bind the values of twin.queries.search). Every way of matching walks
its own index and is cut before it is joined with anything, so an answer costs the same at ten million assets.
"""

from __future__ import annotations

# The planner cannot know how common the words are, and a LIMIT makes it hope for luck in a scan of everything; nor
# how few squares of a summary an edge cuts.
INDEXES_ONLY = "SELECT set_config('enable_seqscan', 'off', true)"

_SPOT = "CASE WHEN ST_Dimension({0}) = 0 THEN ST_GeometryN(ST_Points({0}), 1) ELSE ST_PointOnSurface({0}) END"

# Every kind's code stands in its own table's unique index: a thing without a name has no search entry.
# Kind -> key, label, place, weight. The code of a person or household is no name to search by.
_CODED = {
    "address": ("address_id", "t.text_zh", "t.geom", 1.0),
    "building": ("building_id", "coalesce(t.name_zh, t.code)", "ST_PointOnSurface(t.geom)", 0.9),
    "asset": (
        "asset_id",
        "coalesce(t.name_zh, (SELECT k.name_zh FROM twin.class k WHERE k.class_id = t.class_id))",
        _SPOT.format("t.geom"),
        0.5,
    ),
    "entity": ("entity_id", "t.public_name_zh", "t.geom", 0.8),
    "admin_unit": ("admin_id", "t.name_zh", "ST_PointOnSurface(t.geom)", 1.0),
    "grid": ("grid_id", "coalesce(t.name_zh, t.code)", "ST_PointOnSurface(t.geom)", 0.6),
}
KINDS = tuple(_CODED)
BOX = "ST_MakeEnvelope(%(west)s::float8, %(south)s::float8, %(east)s::float8, %(north)s::float8, 4490)"
_ENTRY = "e.kind, e.row_id, e.code, e.label_zh, e.geom, e.weight"
_WANTED = f"e.kind = ANY (%(kinds)s::text[]) AND (%(west)s::float8 IS NULL OR e.geom && {BOX})"


def _by_code(source: str, condition: str, score: str, limit: str = "") -> str:
    parts = []
    for kind, (key, label, place, weight) in _CODED.items():
        named = " AND t.public_name_zh IS NOT NULL" if kind == "entity" else ""
        parts.append(
            f"""  (SELECT '{kind}' AS kind, t.{key}::bigint AS row_id, t.code, {label} AS label_zh, {place} AS geom,
          {weight}::real AS weight, {score}::float8 AS score
   FROM {source} CROSS JOIN LATERAL (SELECT * FROM twin.{kind} t
     WHERE {condition} AND t.valid_to IS NULL{named}{limit}) t WHERE '{kind}' = ANY (%(kinds)s::text[]))"""
        )
    return "\n  UNION ALL\n".join(parts)


def _begins(column: str, text: str) -> str:
    """Say that a column begins with a text; the last character of Unicode ends the range."""
    return f"{column} ~>=~ {text} AND {column} ~<~ ({text} || U&'\\+10FFFF')"


def _reading(column: str, whole: float, part: float) -> str:
    """Find entries whose reading begins with the letters typed."""
    return f"""
  (SELECT {_ENTRY}, CASE WHEN e.{column} = %(letters)s THEN {whole} ELSE {part} END
   FROM twin.search_entry e WHERE {_begins(f"e.{column}", "%(letters)s::text")} AND {_WANTED}
   ORDER BY e.{column} USING ~<~ LIMIT %(candidates)s)"""


# Assets of a class k that are called nothing else.
_NAMELESS = f"""
    (SELECT * FROM twin.asset a WHERE a.class_id = k.class_id AND a.valid_to IS NULL AND a.name_zh IS NULL
       AND %(west)s::float8 IS NULL LIMIT %(n)s)
    UNION ALL
    (SELECT * FROM twin.asset a WHERE a.class_id = k.class_id AND a.valid_to IS NULL AND a.name_zh IS NULL
       AND a.geom_m && ST_Transform({BOX}, %(srid)s::integer) AND a.geom && {BOX} LIMIT %(n)s)"""

# How well fits what is only a part of a code or a label, at its beginning or inside it.
JUST_PARTS = CODE_BEGINS, LABEL_BEGINS, CORE_BEGINS, INSIDE = (0.9, 0.85, 0.84, 0.8)
_CODE_RANGE = "t.code >= p AND t.code < p || U&'\\+00FFFF' AND starts_with(t.code, p)"

SEARCH = f"""
WITH form AS MATERIALIZED (
  SELECT DISTINCT plain, twin.search_core(plain) AS core
  FROM (SELECT twin.search_plain(f) AS plain FROM unnest(%(forms)s::text[]) AS t (f)) s WHERE plain <> ''
), words AS MATERIALIZED (
  SELECT string_agg('(' || q::text || ')', ' | ')::tsquery AS asked
  FROM (SELECT DISTINCT twin.search_query(plain) AS q FROM form) s WHERE numnode(q) > 0
), found AS (
{_by_code("unnest(%(codes)s::text[]) AS c (p)", "t.code = p", "1.0")}
  UNION ALL
{_by_code("unnest(%(codes)s::text[]) AS c (p)", _CODE_RANGE, str(CODE_BEGINS), " LIMIT %(n)s")}
  UNION ALL
  SELECT {_ENTRY}, 0.95 FROM form JOIN twin.search_entry e ON e.sought = form.plain WHERE {_WANTED}
  UNION ALL
  (SELECT {_ENTRY}, 0.94 FROM form JOIN twin.search_entry e ON e.core = form.core WHERE {_WANTED} LIMIT %(candidates)s)
  UNION ALL
  SELECT {_ENTRY}, {LABEL_BEGINS} FROM form CROSS JOIN LATERAL (SELECT * FROM twin.search_entry e
    WHERE {_begins("e.sought", "form.plain")} AND {_WANTED} LIMIT %(candidates)s) e
  UNION ALL
  SELECT {_ENTRY}, {CORE_BEGINS} FROM form CROSS JOIN LATERAL (SELECT * FROM twin.search_entry e
    WHERE {_begins("e.core", "form.core")} AND {_WANTED} LIMIT %(candidates)s) e
  UNION ALL
  (SELECT {_ENTRY},
          CASE WHEN EXISTS (SELECT FROM form WHERE strpos(e.sought, form.plain) > 0) THEN {INSIDE} ELSE 0.6 END
   FROM twin.search_entry e WHERE e.tokens @@ (SELECT w.asked FROM words w) AND {_WANTED} LIMIT %(candidates)s)
  UNION ALL{_reading("core_initials", 0.7, 0.65)}
  UNION ALL{_reading("pinyin_initials", 0.7, 0.65)}
  UNION ALL{_reading("pinyin", 0.75, 0.66)}
  UNION ALL
  -- The name of a class stands for its assets: those without a name of their own have no entry.
  SELECT 'asset', a.asset_id, a.code, k.name_zh, {_SPOT.format("a.geom")}, 0.5, 0.78
  FROM form JOIN twin.class k ON k.name_zh = form.plain CROSS JOIN LATERAL ({_NAMELESS}) a
  WHERE 'asset' = ANY (%(kinds)s::text[])
)
SELECT kind, code, label_zh, ST_X(geom), ST_Y(geom), (max(score) * (0.9 + 0.1 * weight))::float8 AS score,
       max(score) = ANY ('{{{", ".join(map(str, JUST_PARTS))}}}'::float8[])
FROM found
WHERE %(west)s::float8 IS NULL OR geom && {BOX}
GROUP BY kind, row_id, code, label_zh, geom, weight
ORDER BY score DESC, char_length(label_zh), label_zh, code LIMIT %(n)s
"""

# What differs from the text by one character shares a number of twin.search_near with it, or has all its pairs of
# units but those around the character, or is read the same. Pairs out of the district's and towns' names say nothing
# and stand in half of all entries. Each number is cut by itself: a thousand lamps of one name, or a number that happens
# to be theirs too, leave room for the others. near_codes: the codes one character away.
SEARCH_NEAR = f"""
WITH form AS MATERIALIZED (
  SELECT DISTINCT plain, twin.search_core(plain) AS core
  FROM (SELECT twin.search_plain(f) AS plain FROM unnest(%(forms)s::text[]) AS t (f)) s WHERE plain <> ''
), numbers AS MATERIALIZED (
  SELECT DISTINCT number FROM form, unnest(twin.search_near(plain) || twin.search_near(core)) AS t (number)
), classes AS MATERIALIZED (  -- whose name is one character away
  SELECT class_id, name_zh, twin.search_plain(name_zh) AS plain FROM twin.class k
  WHERE 'asset' = ANY (%(kinds)s::text[])
    AND EXISTS (SELECT FROM form f WHERE abs(char_length(k.name_zh) - char_length(f.plain)) <= 1
                  AND twin.search_near(f.plain) && twin.search_near(twin.search_plain(k.name_zh)))
), words AS MATERIALIZED (
  SELECT string_agg('(' || pairs || ')', ' | ')::tsquery AS asked
  FROM (SELECT twin.search_units(core) AS u FROM form LIMIT 1) s,
    LATERAL (SELECT string_agg(quote_literal(u[i] || u[i + 1]), ' & ') AS pairs
             FROM generate_series(1, cardinality(u) - 1) gap, generate_series(1, cardinality(u) - 1) i
             WHERE i NOT BETWEEN gap - 1 AND gap + 1 AND cardinality(u) >= 6
               AND NOT EXISTS (SELECT FROM twin.search_affix a WHERE strpos(a.name, u[i] || u[i + 1]) > 0)
             GROUP BY gap HAVING count(*) > 1) p
), found AS (
  SELECT {_ENTRY}, e.sought, e.core, e.core_initials, e.pinyin
  FROM numbers m CROSS JOIN LATERAL (SELECT * FROM twin.search_entry e
    WHERE e.near @> ARRAY[m.number] AND {_WANTED} LIMIT %(near_each)s) e
  UNION
  (SELECT {_ENTRY}, e.sought, e.core, e.core_initials, e.pinyin FROM twin.search_entry e
   WHERE e.tokens @@ (SELECT w.asked FROM words w) AND {_WANTED} LIMIT %(near_candidates)s)
  UNION
  (SELECT {_ENTRY}, e.sought, e.core, e.core_initials, e.pinyin
   FROM (SELECT twin.pinyin(core) AS read FROM form LIMIT 1) f JOIN twin.search_entry e ON e.pinyin = f.read
   WHERE {_WANTED} LIMIT %(near_candidates)s)
)
SELECT kind, code, label_zh, ST_X(geom), ST_Y(geom), weight, sought, core, core_initials, pinyin FROM found
UNION ALL
SELECT kind, code, label_zh, ST_X(geom), ST_Y(geom), weight, lower(code), lower(code), NULL, NULL
FROM (
{_by_code("unnest(%(near_codes)s::text[]) AS c (p)", "t.code = p", "0.5")}
) coded WHERE %(west)s::float8 IS NULL OR geom && {BOX}
UNION ALL
SELECT 'asset', a.code, k.name_zh, ST_X(a.spot), ST_Y(a.spot), 0.5, k.plain, k.plain, NULL, twin.pinyin(k.plain)
FROM classes k CROSS JOIN LATERAL (SELECT a.code, {_SPOT.format("a.geom")} AS spot FROM ({_NAMELESS}) a) a
"""

# How the text itself is written and read: to know a homophone from another wrong character.
READ_ALOUD = """
SELECT sought, core, twin.pinyin(core) FROM (
  SELECT sought, twin.search_core(sought) AS core FROM (SELECT twin.search_plain(%(text)s) AS sought) s) c
"""
