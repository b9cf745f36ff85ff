"""One tree of errors: one class per thing a caller can do something about.

A message says what is wrong, where, and what to do, in the user's terms. It never holds personal data.
"""

from __future__ import annotations

from typing import Any


class TwinError(Exception):
    """Something the user can act on went wrong."""

    def __init__(self, what: str, *, where: str | None = None, do: str | None = None) -> None:
        """Keep the three parts of a useful message.

        what: one sentence, what is wrong. where: file, row, photo or setting. do: the next step.
        """
        self.what = what
        self.where = where
        self.do = do
        super().__init__(str(self))

    def __str__(self) -> str:
        """Join the parts into one readable text."""
        parts = [self.what if not self.where else f"{self.where}: {self.what}"]
        if self.do:
            parts.append(self.do)
        return " ".join(part if part.endswith((".", "。", "!", "?")) else f"{part}." for part in parts)


class BadInput(TwinError):
    """What was given cannot be used as it is."""


class BadQuestion(BadInput):
    """A parameter is unknown or has a value that it cannot have."""


class NotFound(TwinError):
    """What was asked for is not there, or not the caller's to see."""


class NotAllowed(TwinError):
    """Somebody else, or another computer, may do this; not this one."""


class NotLoggedIn(TwinError):
    """A login or a token is needed, or the one given is not good (any more)."""


class KeysMissing(TwinError):
    """The keys that open personal data are not where they should be."""


class SecondFactorNeeded(NotLoggedIn):
    """The authenticator's code is needed besides the password."""


class TooManyTries(TwinError):
    """Logging in has failed too often; each further try has to wait."""

    wait_s: int = 0  # seconds


class MissingSoftware(TwinError):
    """A program or library the twin needs is not installed."""


class DatabaseUnavailable(TwinError):
    """The database cannot be reached."""


class DatabaseTooNew(TwinError):
    """The database was written by a newer version of the twin."""


class UnknownCrs(BadInput):
    """A coordinate reference system that cannot be used."""


class BusyPort(TwinError):
    """The address to serve on is already taken."""


class NoSpace(TwinError):
    """The disk is full."""


class Conflict(TwinError):
    """Someone else is doing or has done this already."""


class Stale(Conflict):
    """What was to be changed has been changed by somebody else since it was read."""


class Unconditional(TwinError):
    """A change must say which version of the thing it is meant for."""


class SchedulerUnavailable(TwinError):
    """The cluster that was asked to do the work does not answer."""


class WorkerLost(TwinError):
    """A process that did part of the work ended before it was done."""


class UnreadableDelivery(BadInput):
    """A delivered file cannot be opened or is not what its name says."""


class UnknownMapping(BadInput):
    """No mapping fits the columns of a delivery, or more than one does."""

    fitting: tuple[str, ...] = ()  # the names of those that do


class DatumUnsure(BadInput):
    """It cannot be told for sure in which datum (CGCS2000, GCJ-02, BD-09) or zone coordinates are given."""

    fits: tuple[Any, ...] = ()  # figures of each datum, best first


class NoUsablePhotos(BadInput):
    """There are no photos, or too few good ones, to make anything of."""


class BadControlPoints(BadInput):
    """The file of ground control points cannot be used with these photos."""


class OutsideCity(BadInput):
    """A place outside the city, or one with longitude and latitude swapped."""


class TooSlow(TwinError):
    """The answer would take longer than the service allows."""


class TooBusy(TwinError):
    """More is being asked at once than the service can answer."""


class BrokenOff(TwinError):
    """The work is no longer wanted or is to go on later; nobody may take it for a fault of what is worked on."""
