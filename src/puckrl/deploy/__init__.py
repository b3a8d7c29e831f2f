"""A policy that leaves the house: exported, proven, and run without torch."""
