"""The console that commands print to."""

from rich.console import Console

console = Console(highlight=False)
"""Prints tables and lines; colors go to terminals only."""
