"""Configuration that the cloud sends."""
