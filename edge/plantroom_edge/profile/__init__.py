"""Device profiles: what a kind of device measures, where it keeps it, and what it can be told."""
