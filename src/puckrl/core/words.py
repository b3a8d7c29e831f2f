"""Put numbers into words for people: durations, counts, small curves."""

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def duration(seconds: float) -> str:
    """Return seconds as 9.8 s, 1:05 or 2:03:04.

    >>> duration(9.8), duration(65), duration(7384)
    ('9.8 s', '1:05', '2:03:04')
    """
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def count(number: float) -> str:
    """Return a number with up to three digits and a unit; "-" for NaN, which is unknown.

    >>> count(950), count(5000), count(35046), count(999_900), count(2_250_000)
    ('950', '5 k', '35 k', '1 M', '2.25 M')
    """
    if number != number:
        return "-"
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if round(number) >= 0.9995 * size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def sparkline(values: Sequence[float], width: int = 48) -> str:
    """Draw the newest ``width`` numbers, each in [0, 1], as small bars."""
    top = len(_BARS) - 1
    return "".join(_BARS[round(max(0.0, min(1.0, v)) * top)] for v in values[-width:])
