"""Where tasks should run: pure functions from a view to placements."""
