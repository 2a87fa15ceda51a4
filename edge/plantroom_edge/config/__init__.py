"""The gateway's configuration: one validated object, read once."""
