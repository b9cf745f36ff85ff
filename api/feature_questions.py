"""The parameters of the standards' routes, read by hand: unknown ones are refused, as OGC API asks."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, cast
from urllib.parse import parse_qsl

from fastapi import Request

from twin.errors import BadInput, BadQuestion
from twin.queries.cql2_filter import compile_filter
from twin.queries.cql2_text import read_filter
from twin.queries.feature_collections import Collection
from twin.queries.feature_crs import find_crs, read_box
from twin.queries.features import EVERYWHERE, MOST, Area, CountMode, PageAsked

Form = Literal["json", "html"]
FORMS = {"json": "json", "html": "html", "geojson": "json"}
COUNTS = ("auto", "exact", "estimated", "none")
LANGUAGES = ("cql2-text", "cql2-json")
OF_ITEMS = frozenset(
    [
        "f",
        "limit",
        "bbox",
        "bbox-crs",
        "crs",
        "datetime",
        "as_of",
        "filter",
        "filter-lang",
        "filter-crs",
        "properties",
        "token",
        "count",
        "sortby",
        "lang",
    ]
)
OF_ITEM = frozenset({"f", "crs", "datetime", "as_of", "lang"})
OF_PAGES = frozenset({"f", "lang"})
DEFAULT_LIMIT = 10
LONGEST_VALUE = 500


@dataclass(frozen=True)
class Token:
    """Where a page begins: after this key; and what was counted for the first page.

    values: of a page in an order of its own, what the last feature was sorted by, and its key.
    """

    after: int
    matched: int | None = None
    exact: bool = True
    values: tuple[str | None, ...] | None = None

    def text(self) -> str:
        """Write the token so that nobody is tempted to make one."""
        said = [self.after, self.matched, int(self.exact), *([self.values] if self.values is not None else [])]
        packed = json.dumps(said, separators=(",", ":"))
        return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def given(request: Request, known: frozenset[str], also: Iterable[str] = ()) -> dict[str, str]:
    """Read a request's parameters, each at most once. Raises BadQuestion for others than the known ones."""
    query = request.scope["query_string"]
    if not query:
        return {}
    try:
        pairs = parse_qsl(query.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise BadQuestion("the parameters cannot be read", do="Write them in UTF-8, percent-encoded") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if (name not in known and name not in also) or name in found or "\0" in value:
            raise BadQuestion(
                "a parameter is unknown, given twice or holds what no text has",
                where=name[:40] if name.isascii() and name.isprintable() else None,
                do=f"Known are {', '.join(sorted(known))}",
            )
        found[name] = value
    return found


def form_of(request: Request, parameters: dict[str, str]) -> Form:
    """Say whether a program or a person asks: by f, else by what the client accepts first."""
    form = parameters.get("f")
    if form is not None:
        if form not in FORMS:
            raise BadQuestion("there is no such form", where="f", do="Use json or html")
        return cast(Form, FORMS[form])
    for name, value in request.scope["headers"]:
        if name == b"accept" and b"text/html" in value:
            accepted = value.decode("latin-1")
            return "html" if "json" not in accepted.split("text/html")[0] else "json"
    return "json"


def items_asked(
    parameters: dict[str, str], collection: Collection, working_srid: int, area: Area
) -> tuple[PageAsked, Token | None]:
    """Read what is asked of a collection's items. Raises BadQuestion."""
    crs = find_crs(parameters.get("crs"), working_srid, "crs")
    token = _token(parameters["token"]) if "token" in parameters else None
    asked = PageAsked(collection, crs, working_srid, limit=_limit(parameters.get("limit")), area=area)
    if len(parameters) > 1 or parameters:
        asked = replace(
            asked,
            after=token.after if token else None,
            box=read_box(parameters["bbox"], find_crs(parameters.get("bbox-crs"), working_srid, "bbox-crs"))
            if "bbox" in parameters
            else None,
            during=_during(parameters.get("datetime")),
            as_of=_moment(parameters["as_of"], "as_of") if "as_of" in parameters else None,
            properties=_names(parameters.get("properties"), collection),
            count=_count(parameters.get("count"), token),
            condition=_condition(parameters, collection, working_srid),
        )
    return asked, token


def item_asked(
    parameters: dict[str, str], collection: Collection, working_srid: int, area: Area = EVERYWHERE
) -> PageAsked:
    """Read what is asked of one feature. Raises BadQuestion."""
    crs = find_crs(parameters.get("crs"), working_srid, "crs")
    if "datetime" not in parameters and "as_of" not in parameters:
        return PageAsked(collection, crs, working_srid, area=area)
    as_of = _moment(parameters["as_of"], "as_of") if "as_of" in parameters else None
    during = _during(parameters.get("datetime"))
    return PageAsked(collection, crs, working_srid, during=during, as_of=as_of, area=area)


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise BadQuestion("limit is a whole number from 1", where="limit", do=f"At most {MOST} are given at once")
    return min(int(text), MOST)


def _count(text: str | None, token: Token | None) -> CountMode:
    if text is not None and text not in COUNTS:
        raise BadQuestion("there is no such way to count", where="count", do=f"Use one of {', '.join(COUNTS)}")
    # The first page has counted; later ones carry its count along.
    return "none" if token is not None else cast(CountMode, text or "auto")


def _token(text: str) -> Token:
    try:
        after, matched, exact, *more = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        whole = type(after) is int and (matched is None or type(matched) is int) and abs(after) < 2**63
        values = tuple(more[0]) if more else None
        whole = whole and len(more) < 2 and all(_is_sorted_by(value) for value in values or ())
    except (ValueError, TypeError, binascii.Error, RecursionError):
        whole = False
    if not whole:
        raise BadQuestion("this is no token of ours", where="token", do="Follow the link named next")
    return Token(after, matched, bool(exact), values)


def _is_sorted_by(value: Any) -> bool:
    return value is None or (isinstance(value, str) and "\0" not in value)


def _moment(text: str, where: str) -> datetime:
    """Read an RFC 3339 time or a date; without an offset it is UTC."""
    try:
        if len(text) > 40:
            raise ValueError
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a plus that was not encoded arrives as a blank
    except ValueError:
        raise BadQuestion("this is no time", where=where, do="Write 2026-10-12T08:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _during(text: str | None) -> tuple[datetime | None, datetime | None] | None:
    if text is None:
        return None
    ends = text.split("/")
    if len(ends) == 1:
        begin = _moment(text, "datetime")
        whole_day = len(text) == 10
        return begin, begin.replace(hour=23, minute=59, second=59, microsecond=999_999) if whole_day else begin
    if len(ends) != 2 or all(end in ("", "..") for end in ends):
        raise BadQuestion("an interval has two ends", where="datetime", do="Write 2026-01-01T00:00:00Z/..")
    since, until = (None if end in ("", "..") else _moment(end, "datetime") for end in ends)
    if since and until and since > until:
        raise BadQuestion("the interval ends before it begins", where="datetime")
    return since, until


def _names(text: str | None, collection: Collection) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if any(collection.property(name) is None for name in names):
        known = ", ".join(one.name for one in collection.properties)
        raise BadQuestion("the collection has no such property", where="properties", do=f"It has {known}")
    return names


def _condition(parameters: dict[str, str], collection: Collection, working_srid: int) -> Any:
    """Make one condition of `filter` and of parameters that are named after properties."""
    trees = [
        {"op": "=", "args": [{"property": name}, _value(value, collection, name)]}
        for name, value in parameters.items()
        if name not in OF_ITEMS
    ]
    language = parameters.get("filter-lang", LANGUAGES[0])
    if language not in LANGUAGES:
        raise BadQuestion("there is no such filter language", where="filter-lang", do=f"Use {' or '.join(LANGUAGES)}")
    crs = find_crs(parameters.get("filter-crs"), working_srid, "filter-crs")
    if "filter" in parameters:
        trees.append(read_filter(parameters["filter"], language))
    if not trees:
        return None
    return compile_filter(trees[0] if len(trees) == 1 else {"op": "and", "args": trees}, collection, crs)


def _value(text: str, collection: Collection, name: str) -> Any:
    found = collection.property(name)
    kind = found.kind if found else "string"
    if len(text) > LONGEST_VALUE:
        raise BadQuestion("the value is too long", where=name)
    if kind == "date-time":
        return {"timestamp": _moment(text, name).isoformat()}
    if kind in ("number", "integer"):
        try:
            return float(text)
        except ValueError:
            raise BadQuestion("this is no number", where=name) from None
    if kind == "boolean":
        return text == "true"
    return text


def as_question(error: BadInput) -> BadQuestion:
    """Tell a wrong parameter as the standards want it: 400."""
    return error if isinstance(error, BadQuestion) else BadQuestion(error.what, where=error.where, do=error.do)
