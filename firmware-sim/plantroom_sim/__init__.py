"""Device simulators and the one-command lab."""
