"""Examples of the answers about accounts, as the documentation shows them."""

from __future__ import annotations

from typing import Any

ME: dict[str, Any] = {
    "name": "li.na",
    "person": "李娜",
    "role": "officer",
    "department": "housing",
    "grids": [],
    "second_factor": False,
    "must": [],
    "expires_at": "2026-11-28T18:00:00+00:00",
    "has_accounts": True,
    "openid": None,
}
ENROL = {
    "uri": "otpauth://totp/Twin%20370612:sec?secret=JBSWY3DPEHPK3PXP&issuer=Twin%20370612",
    "secret": "JBSWY3DPEHPK3PXP",
    "svg": "<svg>...</svg>",
}
CODES = {"recovery_codes": ["0f3a99c1-77be2d10"]}
SESSIONS: dict[str, Any] = {
    "items": [
        {
            "session_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "made_at": "2026-11-28T08:00:00+00:00",
            "seen_at": "2026-11-28T09:10:00+00:00", "expires_at": "2026-11-28T16:00:00+00:00", "second_factor": False,
            "address": "10.1.2.3", "device": "Firefox, Windows", "here": True,
        }
    ]
}  # fmt: skip
ENDED = {"ended": 1}
DONE = {"done": True}
TOKEN = {"token_id": 3, "name": "GIS desk", "token": "twin_...", "expires_at": "2027-02-26T08:00:00+00:00"}
TOKENS = {
    "items": [
        {
            "token_id": 3, "account": "li.na", "name": "GIS desk", "made_at": "2026-11-28T08:00:00+00:00",
            "expires_at": "2027-02-26T08:00:00+00:00", "revoked_at": None,
        }
    ]
}  # fmt: skip
NEW_ACCOUNT: dict[str, Any] = {"name": "li.na", "person": "李娜", "role": "officer", "department": "housing"}
ACCOUNTS = {
    "items": [
        {
            "account_id": 4, **NEW_ACCOUNT, "grids": [], "disabled": False, "has_password": True,
            "second_factor": False, "last_login_at": "2026-11-28T08:00:00+00:00", "locked_until": None,
        }
    ]
}  # fmt: skip
ACCOUNT_MADE = {"name": "li.na", "password": "shown this once"}
ACCOUNT_CHANGED = {"name": "li.na", "done": "disable"}
RIGHT_SET: dict[str, Any] = {
    "role": "planner", "action": "export", "collection": "buildings", "area": "all", "fields": ["public"],
    "allowed": True,
}  # fmt: skip
RIGHT_ASKED = RIGHT_SET
RIGHTS = {"items": [{**RIGHT_SET, "is_local": False}]}
