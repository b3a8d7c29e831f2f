"""Read numbers from a command line, and say which are legal."""

import argparse
import re


def positive(text: str) -> int:
    """Return an argument as a whole number above 0."""
    return _whole(text, 1, 10**9, "above 0, at most 1,000,000,000")


def seed(text: str) -> int:
    """Return an argument as a seed."""
    return _whole(text, 0, 2**62, "0 or more, below 2^62")


def share(text: str) -> float:
    """Return an argument as a number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0.0 <= number <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return number


def _whole(text: str, low: int, high: int, words: str) -> int:
    """Return an argument as a whole number in an interval, which ``words`` describe."""
    number = int(text) if re.fullmatch(r"\d{1,20}", text) else -1
    if not low <= number <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {words}")
    return number
