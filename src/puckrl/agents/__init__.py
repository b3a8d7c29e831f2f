"""Learning rules: they know networks, never physics."""
