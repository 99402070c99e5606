"""What should be: pure functions from a view to commands."""
