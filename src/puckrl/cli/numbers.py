"""Read whole numbers from a command line, and say which are legal."""

import argparse
import re


def positive(text: str) -> int:
    """Return an argument as a whole number above 0."""
    return _whole(text, 1, 10**9, "above 0, at most 1,000,000,000")


def seed(text: str) -> int:
    """Return an argument as a seed."""
    return _whole(text, 0, 2**62, "0 or more, below 2^62")


def _whole(text: str, low: int, high: int, words: str) -> int:
    """Return an argument as a whole number in an interval, which ``words`` describe."""
    number = int(text) if re.fullmatch(r"\d{1,20}", text) else -1
    if not low <= number <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {words}")
    return number
