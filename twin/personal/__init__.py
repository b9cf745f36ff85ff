"""Personal data: how it is kept unreadable at rest, found again by keyed hashes, and shown masked."""
