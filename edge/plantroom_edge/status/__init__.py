"""How the gateway is, for people beside it."""
