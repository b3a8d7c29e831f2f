"""The entry of ``puck``: what must be so before any library loads, then the command line."""

import os
import sys

if "OMP_WAIT_POLICY" not in os.environ:
    # Threads that wait for one another spin a little, then sleep. By default they spin for
    # long: beside another busy program updates then take up to 20 times as long (two cores).
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def main() -> int:
    """``puck``; returns the exit code."""
    from puckrl.cli import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
