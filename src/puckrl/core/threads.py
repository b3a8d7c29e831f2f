"""How threads wait for one another; to be said before torch loads."""

import os


def let_waiting_threads_sleep() -> None:
    """Spin a little, then sleep, unless the user has said otherwise.

    OpenMP's threads spin for long by default: beside another busy program each update
    then waits for time slices. No effect once torch is loaded.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
