"""Preventive maintenance: what is due by the calendar, by a counter, or by a condition."""
