"""Bluetooth scales: GATT Weight Scale Service, broadcast, Nordic-UART text."""
