"""Gates behind a Modbus relay board."""
