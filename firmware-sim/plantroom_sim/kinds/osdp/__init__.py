"""Simulated card readers on an OSDP line."""
