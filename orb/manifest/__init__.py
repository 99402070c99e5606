"""From Compose text to specs, with file:line:column for everything that is wrong."""
