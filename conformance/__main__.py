"""python -m conformance hips [--archive FILE] [test_x.py …] [pytest options]
python -m conformance opinfo [--all] [operator …]  (needs torch and expecttest; --all: not only the
                                                    first 60 samples of each entry)
"""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    match arguments:
        case ["hips", *rest]:
            from conformance.hips import run as hips  # noqa: PLC0415

            archive = None
            if "--archive" in rest:
                at = rest.index("--archive")
                archive, rest = rest[at + 1], [*rest[:at], *rest[at + 2 :]]
            return hips.run(archive, rest)
        case ["opinfo", *rest]:
            from conformance.opinfo import run as opinfo  # noqa: PLC0415

            most = None if "--all" in rest else opinfo.MOST
            return opinfo.summary(opinfo.run(set(rest) - {"--all"}, most))
        case _:
            print(__doc__)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
