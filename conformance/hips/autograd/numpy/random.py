"""NumPy's own module: traced arrays answer to its functions."""

from numpy.random import *
from numpy.random import RandomState, rand, randint, randn, seed, uniform
