"""Every fact about every op: importing this package imports each file below it, and so registers
them all.

A folder for each field, a file for each family of ops that are read together: a new file is found
without being listed.
"""

from importlib import import_module
from pkgutil import walk_packages

for _module in walk_packages(__path__, __name__ + "."):
    import_module(_module.name)
