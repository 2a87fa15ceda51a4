"""Simulated gates behind Modbus relay boards."""
