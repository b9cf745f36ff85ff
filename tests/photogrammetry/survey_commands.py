"""The survey commands run in this process, what they said, and photos to spoil."""

from __future__ import annotations

import piexif

from photogrammetry.durable_files import read_json
from photogrammetry.workers import Measured

GOOD = [f"DJI_{number:04d}.JPG" for number in range(1, 12)]


class Here:
    """Works in this process: what is tested here is what is said, not who does the work."""

    workers = 1

    def run(self, function, items, at_once):
        for index, item in enumerate(items):
            yield index, Measured(function(item), 0.0)

    def close(self) -> None:
        pass


class Said:
    """Status and texts of a command."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def fails_with(self, *parts):
        """Check that the command failed with one message that holds all parts, and with no trace of a crash."""
        assert self.status == 1, (self.out, self.err)
        assert "Traceback" not in self.err
        for part in parts:
            assert part in self.err
        assert len(self.err.strip().splitlines()) == 1, self.err
        return self


def edit_exif(path, *, lon_deg=None, lat_deg=None, day=None, drop_gps=False):
    """Change a photo's EXIF; degrees are added to its position."""
    exif = piexif.load(str(path))
    gps = exif["GPS"]
    for tag, more in ((piexif.GPSIFD.GPSLongitude, lon_deg), (piexif.GPSIFD.GPSLatitude, lat_deg)):
        if more is not None:
            degrees, *rest = gps[tag]
            gps[tag] = ((degrees[0] + more * degrees[1], degrees[1]), *rest)
    if day:
        gps[piexif.GPSIFD.GPSDateStamp] = day.encode()
        exif["Exif"][piexif.ExifIFD.DateTimeOriginal] = f"{day} 10:00:00".encode()
    if drop_gps:
        exif["GPS"] = {}
    piexif.insert(piexif.dump(exif), str(path))


def checked(surveys, name="spring"):
    """Give file -> (reason code, reason in English) of the check."""
    content = read_json(surveys / name / "stages" / "check" / "photos.json")
    return {photo["file"]: (photo["reason_code"], photo["reason_en"]) for photo in content}


def changed_gcp(tiny_sample, tmp_path, change):
    """Write gcp.csv with its rows changed: change(cells) for each."""
    lines = (tiny_sample / "gcp.csv").read_text(encoding="utf-8").splitlines()
    rows = [",".join(change(line.split(","))) for line in lines[2:]]
    path = tmp_path / "points.csv"
    path.write_text("\n".join([*lines[:2], *rows]) + "\n", encoding="utf-8")
    return path


def moved(east_m=0.0, north_m=0.0):
    return lambda cells: [*cells[:2], str(float(cells[2]) + east_m), str(float(cells[3]) + north_m), *cells[4:]]
