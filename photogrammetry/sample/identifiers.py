"""Identifiers and coordinates as Chinese departments deliver them: credit codes, id numbers, GCJ-02 positions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
SYNTHETIC_ID_AREA = "370699"  # no such division: nobody's real number begins so
SYNTHETIC_PHONE = "129"  # no operator uses this prefix
KRASSOWSKY_A, KRASSOWSKY_EE = 6378245.0, 0.00669342162296594323


def organisation_check(body: str) -> str:
    """Give the check character of an 8-character organisation code. Source: GB 11714."""
    values = (int(letter) if letter.isdigit() else ord(letter) - 55 for letter in body)
    rest = 11 - sum(value * weight for value, weight in zip(values, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    return {10: "X", 11: "0"}.get(rest, str(rest))


def credit_code(random: np.random.Generator, division: str = "370612", kind: str = "91") -> str:
    """Draw a valid 18-character unified social credit code. Source: GB 32100-2015.

    kind: registration authority and type (91 enterprise, 92 individual business).
    """
    body = "MA" + "".join(CREDIT_ALPHABET[int(i)] for i in random.integers(0, 31, 6))
    first = kind + division + body + organisation_check(body)
    return first + credit_check(first)


def credit_check(first: str) -> str:
    """Give the 18th character of a credit code from the first 17. Source: GB 32100-2015."""
    total = sum(CREDIT_ALPHABET.index(letter) * pow(3, i, 31) for i, letter in enumerate(first))
    return CREDIT_ALPHABET[(31 - total % 31) % 31]


def id_number(random: np.random.Generator) -> str:
    """Draw a synthetic id number: valid date and check digit, an area that does not exist. Source: GB 11643-1999."""
    born = np.datetime64("1945-01-01") + np.timedelta64(int(random.integers(0, 21_000)), "D")
    first = f"{SYNTHETIC_ID_AREA}{str(born).replace('-', '')}{int(random.integers(1, 999)):03d}"
    return first + id_check(first)


def id_check(first: str) -> str:
    """Give the 18th character of an id number from the first 17. Source: GB 11643-1999."""
    return "10X98765432"[sum(int(digit) * pow(2, 17 - i, 11) for i, digit in enumerate(first)) % 11]


def phone_number(random: np.random.Generator) -> str:
    """Draw an 11-digit number that no operator can have given out."""
    return SYNTHETIC_PHONE + f"{int(random.integers(0, 10**8)):08d}"


def to_gcj02(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shift CGCS2000 positions (degrees, any shape) as Chinese online maps do; outside China nothing moves."""
    lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    x, y = lon - 105.0, lat - 35.0
    common = (20 * np.sin(6 * x * np.pi) + 20 * np.sin(2 * x * np.pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x)) + common
    north += (20 * np.sin(y * np.pi) + 40 * np.sin(y / 3 * np.pi)) * 2 / 3
    north += (160 * np.sin(y / 12 * np.pi) + 320 * np.sin(y * np.pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x)) + common
    east += (20 * np.sin(x * np.pi) + 40 * np.sin(x / 3 * np.pi)) * 2 / 3
    east += (150 * np.sin(x / 12 * np.pi) + 300 * np.sin(x / 30 * np.pi)) * 2 / 3
    sine = np.sin(np.radians(lat))
    root = np.sqrt(1 - KRASSOWSKY_EE * sine * sine)
    d_lat = np.degrees(north * root**3 / (KRASSOWSKY_A * (1 - KRASSOWSKY_EE)))
    d_lon = np.degrees(east * root / (KRASSOWSKY_A * np.cos(np.radians(lat))))
    inside = (lon > 72.004) & (lon < 137.8347) & (lat > 0.8293) & (lat < 55.8271)
    return np.where(inside, lon + d_lon, lon), np.where(inside, lat + d_lat, lat)
