"""How the service's process treats memory that it is done with."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
MAPPED_ABOVE, GIVEN_BACK_ABOVE = 32 << 20, 128 << 20


def keep_freed_memory() -> None:
    """Keep up to 128 MB of freed memory for the next answer instead of giving it back to the system each time.

    A map tile fills and frees arrays of a few hundred kB by the dozen; had again from the system, page by page, they
    are an eighth of the work. Source: mallopt(3). Does nothing where the C library has no mallopt.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(M_MMAP_THRESHOLD, MAPPED_ABOVE)
    mallopt(M_TRIM_THRESHOLD, GIVEN_BACK_ABOVE)
