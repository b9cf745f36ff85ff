"""One thing that `twin doctor` has looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing looked at. state: ok, missing (something does not work without it), or warning. do: what helps."""

    name: str
    state: Literal["ok", "missing", "warning"]
    value: str
    do: str | None = None
