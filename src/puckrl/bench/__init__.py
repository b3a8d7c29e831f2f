"""Measure speed: contenders race side by side."""
