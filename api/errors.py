"""Errors as people get them: one table from TwinError to status, application/problem+json, nothing of the inside.

An unknown error gives a fixed text and an id; what happened stands in the log under that id, never in the answer.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import psycopg
import psycopg_pool
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from twin import errors
from twin.plain_traces import trace_without_messages

log = logging.getLogger("twin.api")
PROBLEM = "application/problem+json"
RETRY_AFTER_S = 2

# The nearest class in the family tree decides. Chinese titles are for the pages; English ones are the docstrings.
STATUS: dict[type[errors.TwinError], tuple[int, str]] = {
    errors.BadInput: (422, "请求内容有误"),
    errors.BadQuestion: (400, "参数有误"),
    errors.OutsideCity: (422, "位置不在本区范围内"),
    errors.NotFound: (404, "没有找到"),
    errors.NotAllowed: (403, "无权操作"),
    errors.NotLoggedIn: (401, "请先登录"),
    errors.TooManyTries: (429, "尝试次数过多"),
    errors.Conflict: (409, "与他人的操作冲突"),
    errors.Stale: (412, "内容已被他人修改"),
    errors.Unconditional: (428, "须注明所改的版本"),
    errors.DatabaseUnavailable: (503, "数据库暂时无法连接"),
    errors.DatabaseTooNew: (503, "数据库版本比程序新"),
    errors.MissingSoftware: (503, "服务器缺少所需软件"),
    errors.NoSpace: (507, "磁盘空间不足"),
    errors.TooSlow: (503, "查询超时"),
    errors.TooBusy: (503, "服务繁忙"),
    errors.TwinError: (400, "无法完成"),
}
HTTP_TITLES = {
    404: ("There is no such address.", "没有这个地址"),
    405: ("This address does not take this method.", "不支持该请求方法"),
    408: ("What was sent came too slowly.", "发送过慢"),
    413: ("What was sent is too large.", "发送内容过大"),
    414: ("The address is too long.", "地址过长"),
    500: ("Something went wrong on our side.", "服务内部错误"),
}


def problem(
    request_id: str,
    path: str,
    status: int,
    *,
    kind: str,
    title: str,
    title_zh: str,
    detail: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    """Make an answer of RFC 9457: type, title, status, detail, instance, and the request's id.

    path: without its query, which may hold what somebody typed.
    """
    body = {
        "type": f"urn:twin:problem:{kind}",
        "title": title,
        "title_zh": title_zh,
        "status": status,
        "detail": detail,
        "instance": path,
        "request_id": request_id,
        **(extra or {}),
    }
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    content = orjson.dumps({key: value for key, value in body.items() if value is not None})
    return Response(content, status, headers | {"Cache-Control": "no-store"}, PROBLEM)


def twin_problem(request_id: str, path: str, error: errors.TwinError) -> Response:
    """Make the answer for an error of the twin."""
    status, title_zh = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    answer = problem(
        request_id,
        path,
        status,
        kind=re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower(),
        title=(type(error).__doc__ or "").strip(),
        title_zh=title_zh,
        detail=str(error),
    )
    if isinstance(error, errors.TooManyTries):
        answer.headers["Retry-After"] = str(max(1, error.wait_s))
    return answer


def from_database(error: Exception) -> errors.TwinError | None:
    """Say an error of the database's driver in the twin's terms; None for a fault of our own."""
    if isinstance(error, psycopg.errors.QueryCanceled):
        return errors.TooSlow("the answer took too long", do="Ask for a smaller area, or again in a moment")
    if isinstance(error, psycopg.DataError) and error.sqlstate in (None, "22021", "22P05"):
        return errors.BadInput("a text holds a character that cannot be stored, such as NUL")
    if isinstance(error, psycopg_pool.TooManyRequests):
        return errors.TooBusy("too many questions at once", do="Ask again in a moment")
    if isinstance(error, psycopg.OperationalError):
        return errors.DatabaseUnavailable("the database does not answer", do="Ask again in a moment")
    return None


def install_error_handlers(app: FastAPI) -> None:
    """Make every known error of an app answer as a problem; api.request_log answers for the unknown ones."""
    app.add_exception_handler(errors.TwinError, _twin_error)
    app.add_exception_handler(psycopg.Error, _database_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)


def request_id_of(request: Request) -> str:
    """Give the id that api.request_log has given to a request."""
    return str(request.scope.get("state", {}).get("request_id", ""))


async def _twin_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, errors.TwinError):
        raise error
    return twin_problem(request_id_of(request), request.url.path, error)


async def _database_error(request: Request, error: Exception) -> Response:
    known = from_database(error)
    if known is None:
        raise error
    return twin_problem(request_id_of(request), request.url.path, known)


async def _validation_error(request: Request, error: Exception) -> Response:
    faults: Sequence[Any] = error.errors() if isinstance(error, RequestValidationError) else ()
    listed = [{"where": _where(fault), "what": _in_words(fault)} for fault in faults]
    return problem(
        request_id_of(request),
        request.url.path,
        422,
        kind="bad-input",
        title=errors.BadInput.__doc__ or "",
        title_zh=STATUS[errors.BadInput][1],
        detail="; ".join(f"{fault['where']}: {fault['what']}" for fault in listed),
        extra={"errors": listed},
    )


def _where(fault: Mapping[str, Any]) -> str:
    return ".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0])


def _in_words(fault: Mapping[str, Any]) -> str:
    """Say a fault without repeating what was sent: it may be somebody's name."""
    limits = fault.get("ctx", {})
    words = {
        "missing": "is needed",
        "float_parsing": "must be a number",
        "int_parsing": "must be a whole number",
        "finite_number": "must be a finite number",
        "bool_parsing": "must be true or false",
        "uuid_parsing": "must be an id as listed",
        "datetime_from_date_parsing": "must be a time such as 2026-10-12T08:00:00+08:00",
        "datetime_parsing": "must be a time such as 2026-10-12T08:00:00+08:00",
        "greater_than_equal": f"must be at least {limits.get('ge')}",
        "less_than_equal": f"must be at most {limits.get('le')}",
        "greater_than": f"must be more than {limits.get('gt')}",
        "string_too_long": f"must have at most {limits.get('max_length')} characters",
        "string_too_short": f"must have at least {limits.get('min_length')} characters",
        "too_long": f"must have at most {limits.get('max_length')} entries",
        "literal_error": f"must be {limits.get('expected')}",
        "enum": f"must be {limits.get('expected')}",
    }
    return words.get(fault["type"], "cannot be understood")


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    title, title_zh = HTTP_TITLES.get(status, ("This cannot be done.", "无法完成"))
    answer = problem(
        request_id_of(request), request.url.path, status, kind=f"http-{status}", title=title, title_zh=title_zh
    )
    for name, value in (getattr(error, "headers", None) or {}).items():
        answer.headers[name] = value
    return answer


def unknown_problem(request_id: str, path: str, error: Exception) -> Response:
    """Make the answer for a fault of our own: a fixed text and the id under which the log tells more."""
    log.error("unexpected error in request %s\n%s", request_id, trace_without_messages(error))
    title, title_zh = HTTP_TITLES[500]
    detail = "The fault is written down under the request's id; tell it to whoever runs the service"
    return problem(request_id, path, 500, kind="internal", title=title, title_zh=title_zh, detail=detail)
