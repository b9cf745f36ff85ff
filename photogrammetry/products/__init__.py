"""Files others read: mesh, 3D Tiles, report."""
