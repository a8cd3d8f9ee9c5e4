"""`python -m benchmarks`: what the project holds itself to, beside its peers in the same run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import derivation, elementary
from benchmarks.training import run as training
from benchmarks.training.peers import PEERS
from benchmarks.training.workload import WORKLOADS

RESULTS = Path(__file__).resolve().parent / "results"
PARTS = ("derivation", "elementary", "training", "gradient", "scaling")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Derivations beside NumPy and PyTorch; elementary functions beside NumPy's; "
        "training of five networks beside the peers that are installed; the cost of a gradient "
        "over that of its loss; cost and compile time against depth, width and batch. All parts, "
        "or those that are named.",
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    parser.add_argument(
        "--workload", action="append", choices=list(WORKLOADS), help="one of the five; repeatable"
    )
    parser.add_argument(
        "--peer", action="append", choices=[peer.key for peer in PEERS], help="repeatable"
    )
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PATH",
        help="another Python, for peers whose packages this one lacks; repeatable",
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="a folder; %(default)s")
    given = parser.parse_args()
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part {unknown[0]!r}: {', '.join(PARTS)}")
    return given


def main() -> int:
    given = arguments()
    parts = given.parts or PARTS
    if "derivation" in parts:
        derivation.main()
    if "elementary" in parts:
        elementary.main()
    chosen = tuple(part for part in parts if part not in ("derivation", "elementary"))
    if not chosen:
        return 0
    wish = training.Wish(
        parts=chosen,
        quick=given.quick,
        workloads=tuple(given.workload or WORKLOADS),
        peers=tuple(given.peer or [peer.key for peer in PEERS]),
        pythons=(sys.executable, *given.python),
        out=given.out,
    )
    return training.main(wish)


if __name__ == "__main__":
    sys.exit(main())
