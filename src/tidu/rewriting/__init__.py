"""Rules that rewrite graphs: those that simplify formulas, and those that make the run stable.

Importing this package imports each file of it, and so registers every rule. None changes a value.
"""

from importlib import import_module
from pkgutil import iter_modules

# Rules of one op are tried in the order of registration: those for numbers come first.
_FIRST = "numbers_and_signs"
for _name in (_FIRST, *(module.name for module in iter_modules(__path__))):
    import_module(f"{__name__}.{_name}")
