"""Write the glossary of logged numbers as Markdown: docs/metrics.md."""

from puckrl.monitor.signals import SIGNALS, VERDICT


def markdown() -> str:
    """Return the glossary as the Markdown page docs/metrics.md."""
    head = (
        "# Metrics\n\nEvery number that a run logs (`metrics.jsonl`, TensorBoard). Generated from\n"
        "`monitor/signals.py` by `make docs`.\n\n"
        "| name | unit | meaning | healthy |\n|---|---|---|---|\n"
    )
    rows = (f"| `{s.name}` | {s.unit} | {s.meaning} | {s.healthy} |\n" for s in SIGNALS)
    verdict = (
        "\n## The doctor's verdict\n\n"
        "After each evaluation `metrics.jsonl` gets one more row, with the verdict of that moment. It is\n"
        "a record: `puck doctor` and resumed runs judge the numbers anew and skip it.\n"
        "`puckrl.report.rows.read_verdicts` returns these rows; any other row holds numbers only.\n\n"
        "| key | value |\n|---|---|\n"
    )
    keys = (f"| `{name}` | {value} |\n" for name, value in VERDICT.items())
    return head + "".join(rows) + verdict + "".join(keys)
