"""Agreement: an ordered, durable log of commands."""
