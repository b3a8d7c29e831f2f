"""Making it run: collecting, evaluating, the loop, checkpoints, logs."""
