"""`python -m pse` is `pse`."""

from __future__ import annotations

import sys

from pse.cli import main

if __name__ == "__main__":
    sys.exit(main())
