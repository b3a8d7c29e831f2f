"""Measure the sizes of what the page sends -> results/page_sizes.csv.

    python benchmarks/page_sizes.py

The page without data, as a server sends it; the film of the README's six worlds as a run
writes it; and the meshes that a scene of FetchPush in a browser would have to carry, as they
are and compressed.
"""

import sys
import tempfile
import zlib
from pathlib import Path

import gymnasium_robotics

from puckrl.report.tables import TableRow, manifest, write_table
from puckrl.web.page import page

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))
from demo_runs import film  # noqa: E402  a script beside the pages


def main() -> None:
    """Measure and write the table."""
    assets = Path(gymnasium_robotics.__file__).parent / "envs/assets/stls/fetch"
    meshes = [path.read_bytes() for path in sorted(assets.glob("*.stl"))]
    with tempfile.TemporaryDirectory() as folder:
        film(Path(folder) / "policy.mp4")
        filmed = (Path(folder) / "policy.mp4").stat().st_size
    sizes = {
        "the page without data": len(page("runs").encode()),
        "a film, six worlds": filmed,
        "meshes of FetchPush": sum(map(len, meshes)),
        "meshes of FetchPush, compressed": sum(len(zlib.compress(m)) for m in meshes),
    }
    table: list[TableRow] = [
        {"what": k, "kb": round(v / 1e3, 1)} for k, v in sizes.items()
    ]
    for row in table:
        print(row)
    write_table(ROOT / "results/page_sizes.csv", table, manifest())


if __name__ == "__main__":
    main()
