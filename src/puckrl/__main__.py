"""The entry of ``puck``: what must be so before any library loads, then the command line."""

import signal
import sys

from puckrl.core.threads import let_waiting_threads_sleep

# Ctrl-C ends this process without a traceback until the command line answers it, and again
# while Python shuts down
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
let_waiting_threads_sleep()


def main() -> int:
    """``puck``; returns the exit code."""
    from puckrl.cli import main as command_line
    from puckrl.core.timeline import command, process_began

    with command(process_began()):
        return command_line()


if __name__ == "__main__":
    sys.exit(main())
