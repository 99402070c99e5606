"""The agent: makes one machine run what it was assigned, and reports what it sees."""
