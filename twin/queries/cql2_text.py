"""CQL2, as text or as JSON, read by the cql2 library into one tree of plain values, and bounded before it is read."""

from __future__ import annotations

import json
from typing import Any

import cql2

from twin.errors import BadInput

LONGEST = 8_000
DEEPEST_TEXT = 100
DEEPEST_TREE = 60
MOST_NODES = 1_000
EXAMPLE = "For example class_code = '0118' AND S_INTERSECTS(geometry, BBOX(121.59,37.38,121.61,37.39))"


def read_filter(text: str, language: str) -> Any:
    """Read a filter into the tree of its JSON form.

    language: cql2-text or cql2-json. Raises BadInput when it cannot be read or is too long or too deep.
    """
    if len(text) > LONGEST:
        raise BadInput("the filter is too long", where="filter", do=f"At most {LONGEST} characters")
    _refuse_deep(text)
    try:
        if language == "cql2-json":
            tree = json.loads(text)
            _measure(tree)
            return tree
        tree = cql2.parse_text(text).to_json()
    except BadInput:
        raise
    except (cql2.ParseError, cql2.ValidationError, ValueError, TypeError, RecursionError) as error:
        raise BadInput("the filter cannot be read", where="filter", do=EXAMPLE) from error
    _measure(tree)
    return tree


def _refuse_deep(text: str) -> None:
    """Refuse what a parser would need too deep a stack for: thousands of brackets end the process."""
    depth = deepest = 0
    for letter in text:
        if letter in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in ")]}":
            depth -= 1
    words = text.lower()
    prefixes = words.count("not") + text.count("-") + text.count("+") + text.count("^")
    if deepest > DEEPEST_TEXT or prefixes > 2 * DEEPEST_TEXT:
        raise BadInput("the filter is too deep", where="filter", do="Split it into several questions")


def _measure(tree: Any) -> None:
    nodes = 0
    waiting = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        nodes += 1
        inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        waiting += [(part, depth + 1) for part in inside]
        if depth > DEEPEST_TREE * 3 or nodes > MOST_NODES * 20:
            raise BadInput("the filter is too large", where="filter", do="Split it into several questions")
