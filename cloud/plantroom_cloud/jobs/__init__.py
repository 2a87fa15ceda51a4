"""Leases and due times: what runs once although there are several processes."""
