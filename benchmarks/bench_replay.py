"""Sampled batches per second with hindsight, ours and SB3's -> results/replay.csv.

python benchmarks/bench_replay.py
"""

from pathlib import Path

from puckrl.lab.bench import ReplayBenchCfg, bench_replay
from puckrl.lab.results import manifest, write_table


def main() -> None:
    """Measure and write the table."""
    rows = bench_replay(ReplayBenchCfg())
    print(*rows, sep="\n")
    about = manifest(cfg=vars(ReplayBenchCfg()))
    write_table(Path("results/replay.csv"), rows, about)


if __name__ == "__main__":
    main()
