"""Driving the buses."""
