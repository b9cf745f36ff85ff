"""The city itself: what is there, what may be asked and what may be done."""
