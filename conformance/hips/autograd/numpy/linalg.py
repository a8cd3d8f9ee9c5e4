"""NumPy's own module: traced arrays answer to its functions."""

from numpy.linalg import *
