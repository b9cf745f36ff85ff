"""The page's files: our own static ones and the deck.gl bundle in pydeck's wheel, compressed once, cached for good.

Every address holds a fingerprint of what it serves, so that a browser may keep it for ever and an update is seen at
once.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from posixpath import normpath

import pydeck

from twin.errors import MissingSoftware, NotFound

STATIC_DIR = Path(__file__).resolve().parent / "static"
BUNDLE_FILE = Path(pydeck.__file__).resolve().parent / "nbextension" / "static" / "index.js"
# nbextension/static/index.js of pydeck 0.9.3 (deck.gl 9.3.6, loaders.gl 4.4.3, luma.gl; MIT), as measured and tested.
BUNDLE_SHA256 = "63b908f47867492024126a39ef1adde632144364ad28287743b0c1d9b3137155"
IMPORT = re.compile(r'^import [^"]*"(\.[^"]+)";', re.MULTILINE)
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class PageFile:
    """One file as it is sent: its bytes, the same bytes gzipped, its media type and an entity tag."""

    body: bytes
    media_type: str

    @cached_property
    def gzipped(self) -> bytes:
        """The body compressed once, at the highest level; a fixed time stamp keeps it the same on every machine."""
        return gzip.compress(self.body, compresslevel=9, mtime=0)

    @cached_property
    def etag(self) -> str:
        """A strong entity tag of the body."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:20]}"'


class PageFiles:
    """The static files of the page and the bundle, read once at start."""

    def __init__(self, static_dir: Path = STATIC_DIR, bundle_file: Path = BUNDLE_FILE) -> None:
        """Read every static file and check the bundle.

        Raises MissingSoftware when the bundle is absent or is not the one this page was tested with.
        """
        self._static = {
            path.relative_to(static_dir).as_posix(): PageFile(path.read_bytes(), MEDIA_TYPES[path.suffix])
            for path in sorted(static_dir.rglob("*"))
            if path.is_file() and path.suffix in MEDIA_TYPES
        }
        self.bundle = PageFile(_checked_bundle(bundle_file), MEDIA_TYPES[".js"])
        self.bundle_version = BUNDLE_SHA256[:12]

    @cached_property
    def version(self) -> str:
        """A fingerprint of all static files, part of their addresses."""
        digest = hashlib.sha256()
        for name, file in self._static.items():
            digest.update(name.encode() + b"\0" + file.body + b"\0")
        return digest.hexdigest()[:12]

    def static(self, name: str) -> PageFile:
        """Give a static file by its path under static/. Raises NotFound."""
        try:
            return self._static[str(PurePosixPath(name))]
        except KeyError:
            raise NotFound("this page has no such file", where=name[:100]) from None

    def modules_of(self, entry: str) -> list[str]:
        """List a script and every module it imports, its own imports included, by their paths under static/."""
        found, waiting = set[str](), [entry]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                text = self.static(name).body.decode()
                waiting += [normpath(f"{PurePosixPath(name).parent}/{path}") for path in IMPORT.findall(text)]
        return sorted(found)

    def names(self) -> list[str]:
        """List the static files, sorted."""
        return list(self._static)


def _checked_bundle(path: Path) -> bytes:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise MissingSoftware(
            "the map's JavaScript (part of the Python package pydeck) is missing",
            where=path.name,
            do="Run `make install`",
        ) from error
    if hashlib.sha256(body).hexdigest() != BUNDLE_SHA256:
        raise MissingSoftware(
            "the map's JavaScript (part of the Python package pydeck) is not the one this page was tested with",
            where=path.name,
            do="Run `make install` to get the pinned version",
        )
    return body
