"""From the outbox to the cloud."""
