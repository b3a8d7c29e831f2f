"""How fast: contenders race side by side."""
