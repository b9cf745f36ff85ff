"""A full disk, in whatever words a library reports it, becomes one error that says what to do."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twin.errors import NoSpace, TwinError

NEARLY_FULL_BYTES = 8_000_000


@contextmanager
def full_disk_named(folder: Path, what: str) -> Iterator[None]:
    """Turn an error that comes from a full disk into NoSpace.

    folder: where things are written. what: what could not be written and what is kept, for the message.
    """
    try:
        yield
    except TwinError:
        raise
    except Exception as error:
        if not _is_from_full_disk(error, folder):
            raise
        raise NoSpace(
            f"the disk is full: {what}",
            where=str(folder),
            do="Free some space (or move the data directory with TWIN_DATA_DIR) and run the same command again",
        ) from error


def _is_from_full_disk(error: Exception, folder: Path) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        cause = cause.__cause__ or cause.__context__
    # Libraries in C++ report a failed write in words of their own.
    there = next((path for path in (folder, *folder.parents) if path.exists()), None)
    return there is not None and shutil.disk_usage(there).free < NEARLY_FULL_BYTES
