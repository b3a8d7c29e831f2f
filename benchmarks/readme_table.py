"""Print the README's table of results from committed tables.

    python benchmarks/readme_table.py

Training is the median over seeds of the time to a success of 0.95, as ``times_to`` reads it;
the whole run adds evaluations and, for the first seed on a machine, compilation, until the
preset's own end. The whole command is what ``benchmarks/total.py`` measured from enter to
prompt, with warm caches: the median, and the worst behind it.
"""

from pathlib import Path
from statistics import median

from puckrl.report.tables import read_table, times_to

RESULTS = Path(__file__).parent.parent / "results"
LEVEL = 0.95
CPU, GPU = "2 CPU cores", "1 H100"
ROWS = (
    ("reach", "move the hand to a point", "state", CPU),
    ("push", "push a cube", "state", CPU),
    ("pick-place", "lift a cube", "state", CPU),
    ("peg-insert", "insert a peg, 1 mm clearance", "state", CPU),
    ("push-pixels", "push a cube", "32 x 32 camera", CPU),
    ("push-gpu", "push a cube", "state", GPU),
    ("push-pixels-gpu", "push a cube", "64 x 64 camera", GPU),
    ("pick-place-pixels-gpu", "lift a cube", "64 x 64 camera", GPU),
)
_HEAD = """\
| preset | task | the policy gets | hardware | training | whole run | whole command | seeds | final success |
|---|---|---|---|---|---|---|---|---|"""


def table() -> str:
    """Return the table in Markdown."""
    rows, commands = (read_table(RESULTS / f"{n}.csv") for n in ("learning", "total"))
    return "\n".join([_HEAD, *(_line(rows, commands, *row) for row in ROWS)])


def _line(
    rows: list[dict[str, str]],
    commands: list[dict[str, str]],
    preset: str,
    task: str,
    sensors: str,
    machine: str,
) -> str:
    """Return the line of a preset."""
    last = {row["seed"]: row for row in rows if row["preset"] == preset}
    parts = ("train_s", "compile_s", "evaluate_s")
    whole = median(sum(float(row[p]) for p in parts) for row in last.values())
    final = sorted(float(row["final_success"]) for row in last.values())
    train = median(times_to(rows, preset, LEVEL))
    return (
        f"| `{preset}` | {task} | {sensors} | {machine} | {_time(train)} | {_time(whole)} "
        f"| {_command(commands, preset)} | {len(last)} | {final[0]:.2f} to {final[-1]:.2f} |"
    )


def _command(rows: list[dict[str, str]], preset: str) -> str:
    """Return the median and the worst time of whole commands; a dash for none."""
    took = [
        float(row["total_s"])
        for row in rows
        if (row["preset"], row["caches"]) == (preset, "warm")
    ]
    return f"{_time(median(took))}, {_time(max(took))}" if took else "-"


def _time(seconds: float) -> str:
    """Return a time in words."""
    if seconds < 10.0:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120.0 else f"{seconds / 60.0:.0f} min"


if __name__ == "__main__":
    print(table())
