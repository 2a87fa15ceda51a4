"""Card readers that speak OSDP (IEC 60839-11-5) with a secure channel."""
