"""Which is better: runs for the sake of their numbers."""
