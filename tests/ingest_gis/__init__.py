"""Deliveries and linking, tested through files, the database and the command."""
