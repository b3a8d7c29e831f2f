"""Put numbers into words for people: durations, counts, small curves."""

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*#@"
_DAY = 86_400
_AGES = (
    (14 * _DAY, 7 * _DAY, "w"),
    (2 * _DAY, _DAY, "d"),
    (7_200, 3_600, "h"),
    (60, 60, "min"),
    (0, 1, "s"),
)
"""From how many seconds on a unit is used, its seconds, its name."""


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


def age(seconds: float) -> str:
    """Return how long ago something was, in the largest unit that fits.

    >>> age(5), age(90), age(7_200), age(200_000), age(90 * 86_400)
    ('5 s', '2 min', '2 h', '2 d', '13 w')
    """
    known = max(seconds, 0.0)
    return next(f"{known / one:.0f} {unit}" for low, one, unit in _AGES if known >= low)


def sparkline(
    values: Sequence[float | None], width: int = 48, *, blocks: bool = True
) -> str:
    """Draw the newest ``width`` numbers, each in [0, 1], as small bars; None is a blank.

    >>> sparkline([0.0, 0.5, 1.0, None, 0.2]), sparkline([0.0, 0.5, 1.0], blocks=False)
    ('▁▅█ ▂', '_+@')
    """
    bars = _BARS if blocks else _ASCII
    top = len(bars) - 1
    return "".join(
        " " if v is None else bars[round(max(0.0, min(1.0, v)) * top)]
        for v in values[-width:]
    )
