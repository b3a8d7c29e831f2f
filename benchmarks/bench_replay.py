"""Measure replay buffers, ours and SB3's -> results/replay.csv, results/frames.csv.

python benchmarks/bench_replay.py
"""

from dataclasses import asdict
from pathlib import Path

from puckrl.bench.frames import FramesBenchCfg, bench_frames
from puckrl.bench.replay import ReplayBenchCfg, bench_replay
from puckrl.report.tables import manifest, write_table


def main() -> None:
    """Measure vectors with hindsight, then images, and write both tables."""
    vectors, images = ReplayBenchCfg(), FramesBenchCfg()
    measured = [
        ("replay", vectors, bench_replay(vectors)),
        ("frames", images, bench_frames(images)),
    ]
    for name, cfg, rows in measured:
        print(*rows, sep="\n")
        write_table(Path(f"results/{name}.csv"), rows, manifest(cfg=asdict(cfg)))


if __name__ == "__main__":
    main()
