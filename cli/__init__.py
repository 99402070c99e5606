"""orbctl: how people talk to a cluster."""
