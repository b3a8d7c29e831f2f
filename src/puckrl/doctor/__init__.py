"""What is wrong: logs and tasks, read and judged."""
