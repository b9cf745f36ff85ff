"""What whoever runs the service has to look after, as `twin doctor` sees it: keys, certificate, backups, accounts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from twin.cluster.backup import last_backup
from twin.cluster.finding import Finding
from twin.cluster.server import connect
from twin.cluster.state import server_state
from twin.settings import Settings

OLD_BACKUP_DAYS, OLD_RETENTION_DAYS, SHORT_CERTIFICATE_DAYS = 2.0, 3.0, 30.0


def _key_files(settings: Settings) -> Iterator[Finding]:
    """Say whether others may read the keys of personal data."""
    path = settings.keys_path
    if not path.exists():
        yield Finding("keys", "warning", "no key file yet", "Run: twin key make, then: twin key backup FILE")
        return
    for place in (path, path.parent):
        mode = place.stat().st_mode & 0o777
        if mode & 0o077:
            do = f"chmod {'700' if place.is_dir() else '600'} {place}"
            yield Finding("keys", "warning", f"others may read {place} (mode {mode:o})", do)
            return
    yield Finding("keys", "ok", "readable by the owner only")


def _service_edge(settings: Settings) -> Iterator[Finding]:
    """Say whether people come by https, as far as the settings tell."""
    https = os.environ.get("TWIN_HTTPS", "").lower() in ("1", "yes", "true", "on")
    do = None if https else "Behind a proxy set TWIN_HTTPS=1 and TWIN_TRUSTED_PROXIES, or use twin up --certificate"
    yield Finding("https", "ok" if https else "warning", "said to be used" if https else "not said to be used", do)


def _certificate(settings: Settings) -> Iterator[Finding]:
    """Say how long the certificate named in TWIN_CERTIFICATE is still good; a proxy's may be named as well."""
    named = os.environ.get("TWIN_CERTIFICATE", "")
    if not named:
        return
    from cryptography import x509

    path = Path(named)
    try:
        first = x509.load_pem_x509_certificates(path.read_bytes())[
            0
        ]  # the server's own stands before those that sign it
    except (OSError, ValueError, IndexError):
        yield Finding("certificate", "warning", f"{path} cannot be read as PEM", "Set TWIN_CERTIFICATE to the chain")
        return
    days = (first.not_valid_after_utc - datetime.now(UTC)).total_seconds() / 86400
    until = f"until {first.not_valid_after_utc:%Y-%m-%d}"
    if first.not_valid_before_utc > datetime.now(UTC):
        yield Finding("certificate", "missing", f"not good before {first.not_valid_before_utc:%Y-%m-%d}", "Check it")
    elif days < 0:
        yield Finding("certificate", "missing", f"over since {-days:.0f} days", "Renew it; browsers refuse the service")
    elif days < SHORT_CERTIFICATE_DAYS:
        yield Finding("certificate", "warning", f"{days:.0f} days left, {until}", "Renew it")
    else:
        yield Finding("certificate", "ok", f"{days:.0f} days left, {until}")


LAST_RETENTION = """
SELECT max(at), max(at) FILTER (WHERE (detail ->> 'whole')::boolean IS NOT FALSE)
FROM audit.log WHERE action = 'people.retention'
"""


def _retention(settings: Settings) -> Iterator[Finding]:
    """Say when what is older than it is kept was last let go of."""
    if server_state(settings).problem:
        return
    with connect(settings, "admin") as connection:
        there = connection.execute("SELECT to_regclass('audit.log') IS NOT NULL").fetchone()
        row = connection.execute(LAST_RETENTION).fetchone() if there and there[0] else None
    do = "Run every night: twin person retention"
    if row is None:
        return
    last, whole = row
    days = (datetime.now(UTC) - whole).total_seconds() / 86400 if whole else None
    if days is None:
        said = "never to its end" if last else "never run"
        yield Finding("retention", "warning", said, do)
    elif days > OLD_RETENTION_DAYS:
        yield Finding("retention", "warning", f"last run {days:.0f} days ago", do)
    else:
        yield Finding("retention", "ok", f"last run {24 * days:.0f} hours ago")


def _backup(settings: Settings) -> Iterator[Finding]:
    """Say how old the last backup is, and whether its file is still where it was written."""
    last = last_backup(settings)
    if last is None:
        yield Finding("backup", "warning", "none made yet", "Run every night: twin db backup FILE")
        return
    made, file = last
    days = (datetime.now(UTC) - made).total_seconds() / 86400
    if days > OLD_BACKUP_DAYS:
        yield Finding("backup", "warning", f"{days:.0f} days old", "Run every night: twin db backup FILE")
    else:
        moved = "" if Path(file).exists() else ", moved from where it was written"
        yield Finding("backup", "ok", f"{24 * days:.0f} hours old{moved}")


ACCOUNTS = """
SELECT count(*), count(*) FILTER (WHERE is_admin AND NOT totp_confirmed), count(*) FILTER (WHERE must_change),
       count(DISTINCT role) FILTER (WHERE is_admin)
FROM (SELECT *, role IN ('system_admin', 'security_admin', 'audit_admin') AS is_admin
      FROM access.account WHERE NOT disabled) a
"""


def _accounts(settings: Settings) -> Iterator[Finding]:
    """Say whether the administrators are there, with a second factor, and whether the audit's chain is whole."""
    if server_state(settings).problem:
        return
    with connect(settings, "admin") as connection:
        there = connection.execute("SELECT to_regclass('access.account') IS NOT NULL").fetchone()
        if not there or not there[0]:
            return
        row = connection.execute(ACCOUNTS).fetchone() or (0, 0, 0, 0)
        broken = connection.execute("SELECT audit.first_broken()").fetchone()
        slow = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND now() - query_start > interval '60 s' "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    everyone, without, first, kinds = row
    if not everyone:
        yield Finding(
            "accounts", "warning", "none: the desk is open on this computer", "Run: twin user add (docs/accounts.md)"
        )
    else:
        yield Finding("accounts", "ok", f"{everyone}, {first} with a first password still")
        if kinds < 3:
            yield Finding("administrators", "warning", f"{kinds} of 3 kinds", "Make the three (docs/accounts.md)")
        if without:
            yield Finding(
                "second factor", "warning", f"missing for {without} administrators", "They set it up at /login"
            )
    if broken is not None and broken[0] is not None:
        yield Finding("audit", "warning", f"the chain breaks at entry {broken[0]}", "Run: twin audit verify")
    else:
        yield Finding("audit", "ok", "the chain is whole")
    if slow and slow[0]:
        yield Finding("slow statements", "warning", f"{slow[0]} run for over a minute", "See pg_stat_activity")


CARE: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _key_files, _service_edge, _certificate, _backup, _retention, _accounts,
)  # fmt: skip
