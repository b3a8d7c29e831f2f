"""``python -m puckrl`` is ``puck``."""

import sys

from puckrl.cli import main

sys.exit(main())
