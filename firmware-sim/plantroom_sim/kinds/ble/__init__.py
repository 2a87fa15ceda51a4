"""Bluetooth scales on a private D-Bus with a simulated bluetoothd."""
