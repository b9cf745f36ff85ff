"""What people see: the 3D map page, as deck JSON made in Python and plain ES modules."""
