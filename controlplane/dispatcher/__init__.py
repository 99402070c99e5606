"""Who must do what: sessions with the agents."""
