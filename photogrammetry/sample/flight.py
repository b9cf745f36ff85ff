"""Plans the flight: nadir lines and obliques, the drone's jitter, its clock, and what its GPS believed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from photogrammetry.sample.camera import Pose, look
from photogrammetry.sample.quarter import Quarter
from photogrammetry.sample.randomness import stream

GPS_SIGMA_M = (1.5, 1.5, 3.0)  # east, north, up: one standard deviation
GPS_CORRELATION = 0.6  # between one shot and the next
CHINA = timezone(timedelta(hours=8))
FORWARD_OVERLAP, SIDE_OVERLAP = 0.70, 0.60


@dataclass(frozen=True)
class Shot:
    """One release of the shutter: true pose, believed position (local metres), time, exposure factor per channel."""

    name: str
    pose: Pose
    gps_enu: NDArray[np.float64]
    taken_at: datetime
    exposure: NDArray[np.float64]
    oblique: bool


def plan_flight(quarter: Quarter) -> list[Shot]:
    """Plan every shot of a survey over the quarter, in the order of flight."""
    random = stream(quarter.seed, "flight")
    stations = [*_nadir_stations(quarter), *_oblique_stations(quarter)]
    error = np.zeros(3)
    when = datetime(2026, 5, 18, 10, 12, 40, 417000, tzinfo=CHINA)
    shots = []
    light = 0.0
    for index, (place, heading, tilt, up) in enumerate(stations):
        oblique = tilt > 0.2
        position = np.array([*place, up]) + random.normal(0, [0.8, 0.8, 0.5])
        heading += float(random.normal(0, np.radians(2.5)))
        tilt += float(random.normal(0, np.radians(1.0)))
        pose = Pose(look(heading, tilt, float(random.normal(0, np.radians(0.9)))), position)
        fresh = np.sqrt(1 - GPS_CORRELATION**2) if index else 1.0
        error = GPS_CORRELATION * error * bool(index) + fresh * random.normal(0, GPS_SIGMA_M)
        light = 0.8 * light + float(random.normal(0, 0.05))
        exposure = np.exp(light + random.normal(0, [0.012, 0.004, 0.015]))
        when += timedelta(seconds=float(random.uniform(2.4, 3.1)) + (4.0 if oblique else 0.0))
        shots.append(Shot(f"DJI_{index + 1:04d}.JPG", pose, position + error, when, exposure, oblique))
    return shots


def _height_over(quarter: Quarter) -> float:
    outline = quarter.outline()
    middle = float(np.mean(quarter.terrain.height(outline[:, 0], outline[:, 1])))
    return middle + quarter.scale.flying_height_m


def _nadir_stations(quarter: Quarter) -> list[tuple[NDArray[np.float64], float, float, float]]:
    scale = quarter.scale
    turn = float(np.arctan2(quarter.turn[1, 0], quarter.turn[0, 0]))
    across = (1 - SIDE_OVERLAP) * scale.photo_width * scale.gsd_m
    along = (1 - FORWARD_OVERLAP) * scale.photo_height * scale.gsd_m
    up = _height_over(quarter)
    stations = []
    for line in range(scale.lines):
        east = (line - (scale.lines - 1) / 2) * across
        order = range(scale.photos_a_line) if line % 2 == 0 else range(scale.photos_a_line - 1, -1, -1)
        for at in order:
            north = (at - (scale.photos_a_line - 1) / 2) * along
            heading = (0.0 if line % 2 == 0 else np.pi) - turn
            stations.append((quarter.place(np.array([[east, north]]))[0], heading, 0.0, up))
    return stations


def _oblique_stations(quarter: Quarter) -> list[tuple[NDArray[np.float64], float, float, float]]:
    """Stand around the quarter, looking inwards, 33 to 38 degrees off straight down."""
    scale = quarter.scale
    up = _height_over(quarter) + 3.0
    stations = []
    for index in range(scale.obliques):
        angle = 2 * np.pi * (index + 0.25) / scale.obliques
        reach = np.array([scale.half_e_m, scale.half_n_m]) * 0.9
        place = quarter.place(reach * [np.sin(angle), np.cos(angle)])[0]
        inwards = float(np.arctan2(-place[0], -place[1]))
        stations.append((place, inwards, float(np.radians(33 + 5 * (index % 2))), up))
    return stations


SPOILED = ("corrupt", "blurred", "no_gps", "duplicate", "far")


def spoiled_shots(quarter: Quarter, shots: list[Shot]) -> dict[str, Shot]:
    """Give the shots that go wrong, by what is wrong with them; they follow the good ones in number."""
    random = stream(quarter.seed, "spoiled")
    spoiled = {}
    for index, kind in enumerate(SPOILED):
        near = shots[1] if kind == "duplicate" else shots[(2 + 2 * index) % len(shots)]
        centre = near.pose.centre + (0 if kind == "duplicate" else random.uniform(-3, 3, 3) * [1, 1, 0.3])
        gps = near.gps_enu + (centre - near.pose.centre)
        if kind == "far":
            gps = gps + np.array([2650.0, -1830.0, 4.0])
        when = shots[-1].taken_at + timedelta(seconds=7.0 * (index + 1))
        when = near.taken_at if kind == "duplicate" else when
        name = f"DJI_{len(shots) + index + 1:04d}.JPG"
        spoiled[kind] = Shot(name, Pose(near.pose.rotation, centre), gps, when, near.exposure, near.oblique)
    return spoiled
