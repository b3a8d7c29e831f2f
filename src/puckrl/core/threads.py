"""Set how OpenMP's threads wait, before torch loads."""

import os


def let_waiting_threads_sleep() -> None:
    """Let waiting threads spin briefly, then sleep, unless the user has chosen otherwise.

    By default OpenMP's threads spin for a long time, and beside another busy program each
    update then waits for time slices. The setting has no effect once torch is loaded.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
