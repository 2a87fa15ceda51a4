"""The control plane: ingest, telemetry, alarms, work orders, API and pages."""
