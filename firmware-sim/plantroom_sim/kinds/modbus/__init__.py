"""Simulated Modbus devices on TCP, on a serial line, and on a serial line behind a converter."""
