"""Rules that rewrite graphs: those that simplify formulas, and those that make the run stable.

Importing this package registers them all. None changes a value.
"""

# Rules of one op are tried in the order of registration: those for numbers come first.
from tidu.rewriting import numbers_and_signs

# isort: split
from tidu.rewriting import (
    cases,
    complex,
    diagonal,
    linalg,
    maps,
    results,
    rows,
    scalars,
    shifts,
    stable,
    stable_exponentials,
    stable_standardising,
    stable_tails,
    structure,
    sums,
    terms,
)

__all__ = [
    "cases",
    "complex",
    "diagonal",
    "linalg",
    "maps",
    "numbers_and_signs",
    "results",
    "rows",
    "scalars",
    "shifts",
    "stable",
    "stable_exponentials",
    "stable_standardising",
    "stable_tails",
    "structure",
    "sums",
    "terms",
]
