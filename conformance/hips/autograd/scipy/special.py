"""scipy.special as tidu's users write it: tidu's own where it has a name, else SciPy's ufunc."""

import scipy.special as _special

import tidu.scipy.special as _own


def __getattr__(name):
    return getattr(_own if name in _own.__all__ else _special, name)
