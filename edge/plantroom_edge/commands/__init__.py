"""Commands from the cloud, each at most once."""
