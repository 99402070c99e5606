"""What runs a task on this machine."""
