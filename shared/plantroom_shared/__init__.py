"""What edge, cloud and simulators must agree on: topics, messages, readings, clock, errors."""
