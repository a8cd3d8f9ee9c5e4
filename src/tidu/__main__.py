"""`python -m tidu` is the command `tidu`."""

import sys

from tidu.app.start import program

if __name__ == "__main__":
    sys.exit(program())
