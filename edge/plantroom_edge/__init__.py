"""The gateway agent: polls field devices, keeps what they said, and sends it on."""
