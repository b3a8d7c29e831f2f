"""Learning rules, which know networks and never physics."""
