"""Settings, read once at the edge, validated together, passed in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from twin.errors import BadInput
from twin.yaml_text import read_yaml

REPOSITORY = Path(__file__).resolve().parent.parent
SHIPPED_DATA = REPOSITORY / "data"
DESKS = ("here", "closed", "officer", "steward")


@dataclass(frozen=True)
class CitySettings:
    """What is particular to one city: its name, codes, working CRS (EPSG, metres) and vertical datum."""

    code: str
    name_zh: str
    name_en: str
    working_srid: int
    vertical_datum: str
    code_scheme: str
    utc_offset_h: int
    centre_lon: float
    centre_lat: float


@dataclass(frozen=True)
class Settings:
    """Where things are: the data directory, the database (None: the private cluster) and the city.

    desk: who may hand files in and review links over HTTP until there are accounts: "here" (only from the server's own
    computer, as steward), a role (everyone who reaches the server has it), or "closed".
    key_file: the keys of personal data; None: in the data directory.
    """

    data_dir: Path
    database_url: str | None
    city: CitySettings
    desk: str = "here"
    key_file: Path | None = None

    @property
    def keys_path(self) -> Path:
        """File of the keys of personal data; never part of a backup of the database."""
        return self.key_file or self.data_dir / "keys" / "keys.json"

    @property
    def uploads_dir(self) -> Path:
        """Folder of the files that departments have handed in."""
        return self.data_dir / "uploads"

    @property
    def surveys_dir(self) -> Path:
        """Folder that holds one workspace per survey."""
        return self.data_dir / "surveys"


def read_city(path: Path) -> CitySettings:
    """Read a city's settings file (YAML).

    Raises BadInput when the file is missing, unreadable or lacks a key.
    """
    try:
        raw = read_yaml(path.read_text(encoding="utf-8"))
        return CitySettings(**raw)
    except (OSError, yaml.YAMLError, TypeError) as error:
        raise BadInput(
            f"the city settings cannot be read ({error})",
            where=str(path),
            do="Set TWIN_CITY to a file like data/cities/muping.yaml",
        ) from error


def read_settings(environ: dict[str, str] | None = None) -> Settings:
    """Read settings from the environment (TWIN_DATA_DIR, TWIN_DATABASE_URL, TWIN_CITY, TWIN_DESK, TWIN_KEY_FILE).

    environ: variables to read, by default those of the process. Raises BadInput for a bad city file or desk.
    """
    env = dict(os.environ) if environ is None else environ
    data_dir = Path(env.get("TWIN_DATA_DIR") or REPOSITORY / "var").expanduser().resolve()
    city = read_city(Path(env.get("TWIN_CITY") or SHIPPED_DATA / "cities" / "muping.yaml"))
    desk = env.get("TWIN_DESK") or "here"
    if desk not in DESKS:
        raise BadInput(f"TWIN_DESK cannot be {desk[:40]!r}", where="TWIN_DESK", do=f"Use one of: {', '.join(DESKS)}")
    key_file = Path(env["TWIN_KEY_FILE"]).expanduser().resolve() if env.get("TWIN_KEY_FILE") else None
    return Settings(data_dir, env.get("TWIN_DATABASE_URL") or None, city, desk, key_file)
