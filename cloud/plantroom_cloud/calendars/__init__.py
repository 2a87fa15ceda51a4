"""Business calendars: when a site works, and when it does not."""
