"""Drivers, one folder each."""
