"""The gateway's own health, as telemetry."""
