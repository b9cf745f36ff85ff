"""A photo as the check stage judged it: its EXIF, and why it is used or not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from photogrammetry.durable_files import read_json

REASONS = {
    "unreadable": ("无法作为照片打开", "cannot be opened as a photo"),
    "bad_name": ("文件名不是 UTF-8 编码，请改名", "its file name is not in UTF-8: rename it"),
    "truncated": ("文件不完整，后半部分缺失", "the file is cut off: its end is missing"),
    "too_small": ("像素太少（短边不足 {limit} 像素）", "too few pixels (short side under {limit})"),
    "no_gps": ("EXIF 中没有位置", "its EXIF holds no position"),
    "duplicate": ("与 {other} 内容相同", "the same picture as {other}"),
    "blurred": (
        "比其他照片模糊得多（清晰度为中位数的 {share}）",
        "far more blurred than the others ({share} of their median sharpness)",
    ),
    "wrong_time": ("拍摄时间与其他照片相差 {days} 天", "taken {days} days apart from the others"),
    "wrong_place": ("拍摄位置距其他照片 {metres} 米", "taken {metres} m away from the others"),
    "other_camera": ("与其他照片的相机或尺寸不同", "another camera or size than the others"),
}


@dataclass(frozen=True)
class CheckSettings:
    """Limits of the photo check; distances in metres, spans in days. crs, vertical_datum: as the survey declares."""

    utc_offset_h: float = 8.0
    crs: str = ""
    vertical_datum: str = ""
    min_short_side_px: int = 480
    min_sharpness_share: float = 0.5
    max_days_apart: float = 3.0
    max_gap_m: float = 400.0
    min_photos: int = 3


@dataclass(frozen=True)
class Photo:
    """One photo as checked: EXIF, pixels, a measure of sharpness, a fingerprint, and the judgement.

    fingerprint: 16x16 grey thumbnail as hex, for finding the same picture in another file. reason_code: None when
    accepted.
    """

    file: str
    sha256: str
    width: int
    height: int
    camera: str = "unknown"
    focal_px: float | None = None
    taken_at_utc: str | None = None
    lon: float | None = None
    lat: float | None = None
    altitude_m: float | None = None
    sharpness: float = 0.0
    fingerprint: str = ""
    accepted: bool = True
    reason_code: str | None = None
    reason_zh: str | None = None
    reason_en: str | None = None

    def rejected(self, code: str, **words: Any) -> Photo:
        """Give this photo with a reason why it is not used."""
        zh, en = REASONS[code]
        return replace(
            self, accepted=False, reason_code=code, reason_zh=zh.format(**words), reason_en=en.format(**words)
        )


def read_photos(check_dir: Path, *, accepted_only: bool = True) -> list[Photo]:
    """Read what the check stage wrote, in the order of file names."""
    photos = [Photo(**entry) for entry in read_json(check_dir / "photos.json")]
    return [photo for photo in photos if photo.accepted or not accepted_only]


def camera_key(photo: Photo) -> tuple[str, int, int, float]:
    """Tell which photos share one camera: model, pixels and nominal focal length."""
    return (photo.camera, photo.width, photo.height, round(photo.focal_px or 0.0, 1))
