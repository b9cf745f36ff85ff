"""Where an error came from, for the log, without what it says: messages of errors hold the values they were about."""

from __future__ import annotations

import traceback


def trace_without_messages(error: BaseException) -> str:
    """Write the stack of an error and of those it came from: places, kinds and SQLSTATEs, no messages, no variables."""
    parts: list[str] = []
    seen: set[int] = set()
    now: BaseException | None = error
    while now is not None and id(now) not in seen:
        seen.add(id(now))
        state = getattr(now, "sqlstate", None)
        kind = f"{type(now).__module__}.{type(now).__qualname__}" + (f" (SQLSTATE {state})" if state else "")
        parts.append("".join(traceback.format_tb(now.__traceback__)) + kind)
        if isinstance(now, BaseExceptionGroup):
            parts += [trace_without_messages(inner) for inner in now.exceptions]
        now = now.__cause__ or (None if now.__suppress_context__ else now.__context__)
    return "\nfrom\n".join(parts)
