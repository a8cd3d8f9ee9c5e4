"""`python -m tidu` is the command `tidu`."""

import sys

from tidu.app.cli import main

if __name__ == "__main__":
    sys.exit(main())
