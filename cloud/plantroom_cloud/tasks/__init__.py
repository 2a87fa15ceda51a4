"""The technician's phone: my tasks, the pool, what stands before me; taken with or without a network."""
