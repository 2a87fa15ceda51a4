"""Who passes a gate: decided on the gateway, with and without the cloud."""
