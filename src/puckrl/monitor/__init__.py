"""Reading numbers, never objects: so that it works on anybody's log."""
