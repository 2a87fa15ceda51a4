"""Simulated code scanners on a serial line and on TCP."""
