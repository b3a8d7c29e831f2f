"""Reproduce the Fetch tasks of gymnasium-robotics v4, number for number."""
