"""Task x Sim -> a batched goal environment."""
