"""The one door to pycolmap: quiet, on the CPU, loaded when first needed."""

from __future__ import annotations

from functools import cache
from typing import Any

ERRORS_ONLY = 2


@cache
def load_colmap() -> Any:
    """Load pycolmap and keep its log to errors."""
    import pycolmap

    pycolmap.logging.minloglevel = ERRORS_ONLY
    pycolmap.logging.stderrthreshold = ERRORS_ONLY
    return pycolmap
