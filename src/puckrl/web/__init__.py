"""The page of ``puck watch``: what runs are worth, live, afterwards, and as one file."""
