"""`python -m conformance hips [--archive FILE] [test files] [pytest options]`."""

from __future__ import annotations

import sys

from conformance.hips.run import run


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] != "hips":
        print(__doc__)
        return 2
    rest, archive = arguments[1:], None
    if "--archive" in rest:
        at = rest.index("--archive")
        archive, rest = rest[at + 1], [*rest[:at], *rest[at + 2 :]]
    return run(archive, rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
