"""The one-command lab: a building, a broker, gateways and the control plane on one machine."""
