"""Sub-commands of `twin`, one file per command group."""
