"""What the names of libraries mean: NumPy's, SciPy's and PyTorch's functions over the ops.

`record` holds the record of one function, `functions` the table of all names, `binding` the
arguments of a call. The functions stand in folders by subject. Importing this package imports each
file below it, and so registers every spelling: a new file is found without being listed.
"""

from importlib import import_module
from pkgutil import walk_packages

for _module in walk_packages(__path__, __name__ + "."):
    import_module(_module.name)
