"""Drone and satellite images become surfaces, maps, buildings and 3D Tiles."""
