"""Chinese addresses: normalise, parse, match."""
