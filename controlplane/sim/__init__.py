"""The cluster in a bottle: simulated time, modelled nodes, drawn faults."""
